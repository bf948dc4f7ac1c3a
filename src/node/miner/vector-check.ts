import type { EmbeddingProfile } from "../ports.ts";
import { Refusal } from "../protocol/refusal.ts";

/**
 * The vector of a request as float32. Refused as spec 8.1 refuses: another length or profile, a component that is not
 * finite before or after rounding, and a vector without a direction (M-W17).
 */
export function checkedVector(
  field: string,
  components: readonly number[],
  model: string | undefined,
  profile: EmbeddingProfile,
): Float32Array {
  const { model: ours, dim } = profile;
  if (components.length !== dim) {
    throw new Refusal(200, `${field} has ${components.length} dimensions; this miner takes ${dim} (${ours})`);
  }
  refuseOtherModel(model, profile);
  const vector = Float32Array.from(components);
  // Of floats with 24 bits a double holds every sum of squares: it is finite when, and only when, each of them is.
  const norm = squaredNorm(vector);
  if (!Number.isFinite(norm)) throw new Refusal(200, `${field} must hold finite 32-bit floats only`);
  if (!(norm > 0)) throw new Refusal(200, `${field} is all zeros and has no direction`);
  return vector;
}

/** A miner serves one embedding profile: vectors of another cannot be compared. */
export function refuseOtherModel(model: string | undefined, { model: ours }: EmbeddingProfile): void {
  if (model === undefined || model === ours) return;
  throw new Refusal(200, `this miner embeds with ${ours} only; send the text instead, or ask another miner`);
}

function squaredNorm(vector: Float32Array): number {
  let sum = 0;
  for (const component of vector) sum += component * component;
  return sum;
}
