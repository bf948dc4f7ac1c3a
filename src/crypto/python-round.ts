const FRACTION_BITS = 52n;
const EXPONENT_BIAS = 1_075n;
/** From here on a double has no fraction. */
const WHOLE = 2 ** 52;

/**
 * Python's `round(value, places)` (spec 1.2): the exact binary value to `places` decimals, a true tie to the even
 * digit, then the nearest double. The sign stays, of zero too; what is not finite comes back as it is.
 */
export function pythonRound(value: number, places: 3 | 6): number {
  if (!Number.isFinite(value) || Math.abs(value) >= WHOLE) return value;
  const { mantissa, shift } = decompose(Math.abs(value));
  const scaled = mantissa * 10n ** BigInt(places);
  const digits = shift < 0n ? scaled << -shift : halfEven(scaled, shift);
  const text = digits.toString().padStart(places + 1, "0");
  const rounded = Number(`${text.slice(0, -places)}.${text.slice(-places)}`);
  return value < 0 || Object.is(value, -0) ? -rounded : rounded;
}

/** `value` is mantissa / 2^shift. */
function decompose(value: number): { readonly mantissa: bigint; readonly shift: bigint } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = bits >> FRACTION_BITS;
  const fraction = bits & ((1n << FRACTION_BITS) - 1n);
  if (exponent === 0n) return { mantissa: fraction, shift: EXPONENT_BIAS - 1n };
  return { mantissa: fraction | (1n << FRACTION_BITS), shift: EXPONENT_BIAS - exponent };
}

function halfEven(scaled: bigint, shift: bigint): bigint {
  const quotient = scaled >> shift;
  const twice = (scaled - (quotient << shift)) * 2n;
  const unit = 1n << shift;
  const up = twice > unit || (twice === unit && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}
