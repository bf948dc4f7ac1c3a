;; The scan kernel: dot products of many rows with one query, or with four. `npm run kernel` makes kernel-binary.ts of it.
;;
;; All functions read rows of $bytes bytes each (padded with zeros to a multiple of 32 elements) and write one result per
;; row to $out. The rows stand one behind the other from $row on; or, where $list is not 0, at the $rows addresses there.
;; $rows is at least 1.
(module
 (import "scan" "memory" (memory 1 65536 shared))

 ;; Row and query of f32, result f32: as fast as memory is read, inexact in the last bits.
 (func (export "floats")
  (param $list i32) (param $row i32) (param $rows i32) (param $bytes i32) (param $query i32) (param $out i32)
  (local $q i32) (local $end i32) (local $last i32)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local.set $last (i32.add (local.get $out) (i32.shl (local.get $rows) (i32.const 2))))
  (loop $next
   (if (local.get $list) (then
    (local.set $row (i32.load (local.get $list)))
    (local.set $list (i32.add (local.get $list) (i32.const 4)))))
   (local.set $a (v128.const i32x4 0 0 0 0))
   (local.set $b (local.get $a)) (local.set $c (local.get $a)) (local.set $d (local.get $a))
   (local.set $q (local.get $query))
   (local.set $end (i32.add (local.get $row) (local.get $bytes)))
   (loop $more
    (local.set $a (f32x4.add (local.get $a)
     (f32x4.mul (v128.load (local.get $row)) (v128.load (local.get $q)))))
    (local.set $b (f32x4.add (local.get $b)
     (f32x4.mul (v128.load offset=16 (local.get $row)) (v128.load offset=16 (local.get $q)))))
    (local.set $c (f32x4.add (local.get $c)
     (f32x4.mul (v128.load offset=32 (local.get $row)) (v128.load offset=32 (local.get $q)))))
    (local.set $d (f32x4.add (local.get $d)
     (f32x4.mul (v128.load offset=48 (local.get $row)) (v128.load offset=48 (local.get $q)))))
    (local.set $row (i32.add (local.get $row) (i32.const 64)))
    (local.set $q (i32.add (local.get $q) (i32.const 64)))
    (br_if $more (i32.lt_u (local.get $row) (local.get $end))))
   (local.set $a (f32x4.add
    (f32x4.add (local.get $a) (local.get $b)) (f32x4.add (local.get $c) (local.get $d))))
   (f32.store (local.get $out) (f32.add
    (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
    (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))
   (local.set $out (i32.add (local.get $out) (i32.const 4)))
   (br_if $next (i32.lt_u (local.get $out) (local.get $last)))))

 ;; Row of f32, query of f64, result f64, added in the order of dot.ts: the same bits. Two rows at a time: $rows is even.
 (func (export "doubles")
  (param $list i32) (param $row i32) (param $rows i32) (param $bytes i32) (param $query i32) (param $out i32)
  (local $other i32) (local $q i32) (local $end i32) (local $last i32) (local $u v128) (local $v v128)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local.set $last (i32.add (local.get $out) (i32.shl (local.get $rows) (i32.const 3))))
  (loop $next
   (if (local.get $list)
    (then
     (local.set $row (i32.load (local.get $list)))
     (local.set $other (i32.load offset=4 (local.get $list)))
     (local.set $list (i32.add (local.get $list) (i32.const 8))))
    (else (local.set $other (i32.add (local.get $row) (local.get $bytes)))))
   (local.set $a (v128.const i32x4 0 0 0 0))
   (local.set $b (local.get $a)) (local.set $c (local.get $a)) (local.set $d (local.get $a))
   (local.set $q (local.get $query))
   (local.set $end (i32.add (local.get $row) (local.get $bytes)))
   (loop $more
    (local.set $u (v128.load (local.get $q)))
    (local.set $v (v128.load offset=16 (local.get $q)))
    (local.set $a (f64x2.add (local.get $a)
     (f64x2.mul (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $row))) (local.get $u))))
    (local.set $b (f64x2.add (local.get $b)
     (f64x2.mul (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 (local.get $row))) (local.get $v))))
    (local.set $c (f64x2.add (local.get $c)
     (f64x2.mul (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $other))) (local.get $u))))
    (local.set $d (f64x2.add (local.get $d)
     (f64x2.mul (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 (local.get $other))) (local.get $v))))
    (local.set $row (i32.add (local.get $row) (i32.const 16)))
    (local.set $other (i32.add (local.get $other) (i32.const 16)))
    (local.set $q (i32.add (local.get $q) (i32.const 32)))
    (br_if $more (i32.lt_u (local.get $row) (local.get $end))))
   (f64.store (local.get $out) (f64.add
    (f64.add (f64x2.extract_lane 0 (local.get $a)) (f64x2.extract_lane 1 (local.get $a)))
    (f64.add (f64x2.extract_lane 0 (local.get $b)) (f64x2.extract_lane 1 (local.get $b)))))
   (f64.store offset=8 (local.get $out) (f64.add
    (f64.add (f64x2.extract_lane 0 (local.get $c)) (f64x2.extract_lane 1 (local.get $c)))
    (f64.add (f64x2.extract_lane 0 (local.get $d)) (f64x2.extract_lane 1 (local.get $d)))))
   (local.set $row (local.get $other))
   (local.set $out (i32.add (local.get $out) (i32.const 16)))
   (br_if $next (i32.lt_u (local.get $out) (local.get $last)))))

 ;; Row of i8, query of 7 bits (0..127), result i32. In that range no sum saturates, so that every machine gives the
 ;; same number, though the instruction is a relaxed one.
 (func (export "codes")
  (param $list i32) (param $row i32) (param $rows i32) (param $bytes i32) (param $query i32) (param $out i32)
  (local $q i32) (local $end i32) (local $last i32) (local $a v128) (local $b v128)
  (local.set $last (i32.add (local.get $out) (i32.shl (local.get $rows) (i32.const 2))))
  (loop $next
   (if (local.get $list) (then
    (local.set $row (i32.load (local.get $list)))
    (local.set $list (i32.add (local.get $list) (i32.const 4)))))
   (local.set $a (v128.const i32x4 0 0 0 0))
   (local.set $b (local.get $a))
   (local.set $q (local.get $query))
   (local.set $end (i32.add (local.get $row) (local.get $bytes)))
   (loop $more
    (local.set $a (i32x4.relaxed_dot_i8x16_i7x16_add_s
     (v128.load (local.get $row)) (v128.load (local.get $q)) (local.get $a)))
    (local.set $b (i32x4.relaxed_dot_i8x16_i7x16_add_s
     (v128.load offset=16 (local.get $row)) (v128.load offset=16 (local.get $q)) (local.get $b)))
    (local.set $row (i32.add (local.get $row) (i32.const 32)))
    (local.set $q (i32.add (local.get $q) (i32.const 32)))
    (br_if $more (i32.lt_u (local.get $row) (local.get $end))))
   (i32.store (local.get $out) (call $sum (i32x4.add (local.get $a) (local.get $b))))
   (local.set $out (i32.add (local.get $out) (i32.const 4)))
   (br_if $next (i32.lt_u (local.get $out) (local.get $last)))))

 ;; As "codes", for four queries at once: their bytes alternate in groups of 16, and so do the results.
 (func (export "codesOfFour")
  (param $list i32) (param $row i32) (param $rows i32) (param $bytes i32) (param $query i32) (param $out i32)
  (local $q i32) (local $end i32) (local $last i32) (local $x v128)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local.set $last (i32.add (local.get $out) (i32.shl (local.get $rows) (i32.const 4))))
  (loop $next
   (if (local.get $list) (then
    (local.set $row (i32.load (local.get $list)))
    (local.set $list (i32.add (local.get $list) (i32.const 4)))))
   (local.set $a (v128.const i32x4 0 0 0 0))
   (local.set $b (local.get $a)) (local.set $c (local.get $a)) (local.set $d (local.get $a))
   (local.set $q (local.get $query))
   (local.set $end (i32.add (local.get $row) (local.get $bytes)))
   (loop $more
    (local.set $x (v128.load (local.get $row)))
    (local.set $a (i32x4.relaxed_dot_i8x16_i7x16_add_s
     (local.get $x) (v128.load (local.get $q)) (local.get $a)))
    (local.set $b (i32x4.relaxed_dot_i8x16_i7x16_add_s
     (local.get $x) (v128.load offset=16 (local.get $q)) (local.get $b)))
    (local.set $c (i32x4.relaxed_dot_i8x16_i7x16_add_s
     (local.get $x) (v128.load offset=32 (local.get $q)) (local.get $c)))
    (local.set $d (i32x4.relaxed_dot_i8x16_i7x16_add_s
     (local.get $x) (v128.load offset=48 (local.get $q)) (local.get $d)))
    (local.set $row (i32.add (local.get $row) (i32.const 16)))
    (local.set $q (i32.add (local.get $q) (i32.const 64)))
    (br_if $more (i32.lt_u (local.get $row) (local.get $end))))
   (i32.store (local.get $out) (call $sum (local.get $a)))
   (i32.store offset=4 (local.get $out) (call $sum (local.get $b)))
   (i32.store offset=8 (local.get $out) (call $sum (local.get $c)))
   (i32.store offset=12 (local.get $out) (call $sum (local.get $d)))
   (local.set $out (i32.add (local.get $out) (i32.const 16)))
   (br_if $next (i32.lt_u (local.get $out) (local.get $last)))))

 ;; Makes rows of i8 ($codes) of rows of f32: code = nearest(x / scale), scale = largest |x| / 127. $inverses holds
 ;; 1 / ‖row‖ as f64. Per row 16 bytes at $out: scale / ‖row‖ and ‖row - scale * codes‖ / ‖row‖ as f32, the sum of the
 ;; codes as i32, and 4 bytes left as they are.
 (func (export "quantise")
  (param $row i32) (param $rows i32) (param $bytes i32) (param $inverses i32) (param $codes i32) (param $out i32)
  (local $p i32) (local $end i32) (local $last i32) (local $scale f32) (local $largest f32)
  (local $m v128) (local $s v128) (local $i v128) (local $error v128) (local $total v128)
  (local $w v128) (local $x v128) (local $y v128) (local $z v128)
  (local.set $last (i32.add (local.get $out) (i32.shl (local.get $rows) (i32.const 4))))
  (loop $next
   (local.set $end (i32.add (local.get $row) (local.get $bytes)))
   (local.set $p (local.get $row))
   (local.set $m (v128.const i32x4 0 0 0 0))
   (loop $more
    (local.set $m (f32x4.max (local.get $m) (f32x4.abs (v128.load (local.get $p)))))
    (local.set $p (i32.add (local.get $p) (i32.const 16)))
    (br_if $more (i32.lt_u (local.get $p) (local.get $end))))
   (local.set $largest (f32.max
    (f32.max (f32x4.extract_lane 0 (local.get $m)) (f32x4.extract_lane 1 (local.get $m)))
    (f32.max (f32x4.extract_lane 2 (local.get $m)) (f32x4.extract_lane 3 (local.get $m)))))
   (local.set $scale (f32.div (local.get $largest) (f32.const 127)))
   (local.set $s (f32x4.splat (local.get $scale)))
   (local.set $i (f32x4.splat (f32.div (f32.const 127) (local.get $largest))))
   (local.set $error (v128.const i32x4 0 0 0 0))
   (local.set $total (local.get $error))
   (loop $code
    (local.set $w (f32x4.nearest (f32x4.mul (v128.load (local.get $row)) (local.get $i))))
    (local.set $x (f32x4.nearest (f32x4.mul (v128.load offset=16 (local.get $row)) (local.get $i))))
    (local.set $y (f32x4.nearest (f32x4.mul (v128.load offset=32 (local.get $row)) (local.get $i))))
    (local.set $z (f32x4.nearest (f32x4.mul (v128.load offset=48 (local.get $row)) (local.get $i))))
    (local.set $m (f32x4.sub (v128.load (local.get $row)) (f32x4.mul (local.get $w) (local.get $s))))
    (local.set $error (f32x4.add (local.get $error) (f32x4.mul (local.get $m) (local.get $m))))
    (local.set $m (f32x4.sub (v128.load offset=16 (local.get $row)) (f32x4.mul (local.get $x) (local.get $s))))
    (local.set $error (f32x4.add (local.get $error) (f32x4.mul (local.get $m) (local.get $m))))
    (local.set $m (f32x4.sub (v128.load offset=32 (local.get $row)) (f32x4.mul (local.get $y) (local.get $s))))
    (local.set $error (f32x4.add (local.get $error) (f32x4.mul (local.get $m) (local.get $m))))
    (local.set $m (f32x4.sub (v128.load offset=48 (local.get $row)) (f32x4.mul (local.get $z) (local.get $s))))
    (local.set $error (f32x4.add (local.get $error) (f32x4.mul (local.get $m) (local.get $m))))
    (local.set $w (i32x4.trunc_sat_f32x4_s (local.get $w)))
    (local.set $x (i32x4.trunc_sat_f32x4_s (local.get $x)))
    (local.set $y (i32x4.trunc_sat_f32x4_s (local.get $y)))
    (local.set $z (i32x4.trunc_sat_f32x4_s (local.get $z)))
    (local.set $total (i32x4.add (local.get $total) (i32x4.add
     (i32x4.add (local.get $w) (local.get $x)) (i32x4.add (local.get $y) (local.get $z)))))
    (v128.store (local.get $codes) (i8x16.narrow_i16x8_s
     (i16x8.narrow_i32x4_s (local.get $w) (local.get $x)) (i16x8.narrow_i32x4_s (local.get $y) (local.get $z))))
    (local.set $codes (i32.add (local.get $codes) (i32.const 16)))
    (local.set $row (i32.add (local.get $row) (i32.const 64)))
    (br_if $code (i32.lt_u (local.get $row) (local.get $end))))
   (f32.store (local.get $out) (f32.demote_f64 (f64.mul
    (f64.promote_f32 (local.get $scale)) (f64.load (local.get $inverses)))))
   (f32.store offset=4 (local.get $out) (f32.demote_f64 (f64.mul
    (f64.sqrt (f64.promote_f32 (f32.add
     (f32.add (f32x4.extract_lane 0 (local.get $error)) (f32x4.extract_lane 1 (local.get $error)))
     (f32.add (f32x4.extract_lane 2 (local.get $error)) (f32x4.extract_lane 3 (local.get $error))))))
    (f64.load (local.get $inverses)))))
   (i32.store offset=8 (local.get $out) (call $sum (local.get $total)))
   (local.set $inverses (i32.add (local.get $inverses) (i32.const 8)))
   (local.set $out (i32.add (local.get $out) (i32.const 16)))
   (br_if $next (i32.lt_u (local.get $out) (local.get $last)))))

 (func $sum (param $x v128) (result i32)
  (i32.add
   (i32.add (i32x4.extract_lane 0 (local.get $x)) (i32x4.extract_lane 1 (local.get $x)))
   (i32.add (i32x4.extract_lane 2 (local.get $x)) (i32x4.extract_lane 3 (local.get $x)))))
)
