import { CHUNK_ROWS, layoutOf, SHARD_BYTES } from "../../src/node/vectors/scan/kernel-shard.ts";
import { assemble } from "../../test/vectors-store/assemble-kernel.ts";

const SOURCE = `(module
 (import "scan" "memory" (memory 1 65536 shared))
 (func (export "pass") (param $p i32) (param $bytes i32) (result i32)
  (local $end i32) (local $far i32) (local $p1 i32) (local $p2 i32) (local $p3 i32)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local.set $far (i32.shr_u (local.get $bytes) (i32.const 2)))
  (local.set $end (i32.add (local.get $p) (local.get $far)))
  (local.set $p1 (i32.add (local.get $p) (local.get $far)))
  (local.set $p2 (i32.add (local.get $p1) (local.get $far)))
  (local.set $p3 (i32.add (local.get $p2) (local.get $far)))
  (loop $more
   (local.set $a (v128.or (local.get $a) (v128.or (v128.load (local.get $p)) (v128.load offset=16 (local.get $p)))))
   (local.set $b (v128.or (local.get $b) (v128.or (v128.load (local.get $p1)) (v128.load offset=16 (local.get $p1)))))
   (local.set $c (v128.or (local.get $c) (v128.or (v128.load (local.get $p2)) (v128.load offset=16 (local.get $p2)))))
   (local.set $d (v128.or (local.get $d) (v128.or (v128.load (local.get $p3)) (v128.load offset=16 (local.get $p3)))))
   (local.set $p (i32.add (local.get $p) (i32.const 32)))
   (local.set $p1 (i32.add (local.get $p1) (i32.const 32)))
   (local.set $p2 (i32.add (local.get $p2) (i32.const 32)))
   (local.set $p3 (i32.add (local.get $p3) (i32.const 32)))
   (br_if $more (i32.lt_u (local.get $p) (local.get $end))))
  (v128.any_true (v128.or (v128.or (local.get $a) (local.get $b)) (v128.or (local.get $c) (local.get $d))))))`;

/**
 * A pass of 128-bit loads over the vectors of an index of `rows` rows, in the index's own memories: at four places at
 * once, which is a quarter faster than from one end to the other.
 */
export async function memoryPass(
  memories: readonly WebAssembly.Memory[],
  dim: number,
  rows: number,
): Promise<() => void> {
  const module = new WebAssembly.Module(await assemble("memory-pass.wat", SOURCE));
  const { firstChunk, chunkBytes, chunks, vectors } = layoutOf(dim, SHARD_BYTES);
  const passes = memories.map((memory) => {
    return new WebAssembly.Instance(module, { scan: { memory } }).exports["pass"] as (
      at: number,
      bytes: number,
    ) => void;
  });
  return () => {
    for (let first = 0; first < rows; first += CHUNK_ROWS) {
      const chunk = first / CHUNK_ROWS;
      const pass = passes[Math.floor(chunk / chunks)];
      pass?.(firstChunk + (chunk % chunks) * chunkBytes, Math.min(CHUNK_ROWS, rows - first) * vectors.stride);
    }
  };
}
