import { randomBytes, randomUUID } from "node:crypto";
import { cidOf } from "../../crypto/cid.ts";

/** A public record that a validator made itself, so that it knows what a miner must hold. */
export interface Canary {
  readonly cid: string;
  readonly embedding: Float32Array;
}

/** Canaries around one direction: a query for `centre` finds them before anything else. */
export interface CanaryGroup {
  readonly id: string;
  readonly centre: Float32Array;
  readonly members: readonly Canary[];
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/** Miners throw canaries away after this; it outlives many rounds. */
const CANARY_LIFE_MS = 6 * 3_600_000;
const MEMBERS = 4;
/** How far a member stands off: unrelated directions are nearly orthogonal, members have a cosine of about 0.9. */
const SPREAD = 0.45;

/** Canaries that nobody can foresee, of `dim` dimensions. */
export function newCanaryGroup(dim: number, now: number): CanaryGroup {
  const centre = direction(dim);
  const members = Array.from({ length: MEMBERS }, () => {
    const offset = direction(dim);
    const embedding = unit(centre.map((component, index) => component + SPREAD * (offset[index] ?? 0)));
    return { cid: cidOf({ embedding, metadata: new Map() }), embedding };
  });
  return { id: randomUUID(), centre, members, expiresAt: now + CANARY_LIFE_MS };
}

/** A uniformly random unit vector. */
function direction(dim: number): Float32Array {
  const random = randomBytes(dim * 8);
  const normal = Float32Array.from({ length: dim }, (_, index) => {
    const [one, other] = [random.readUInt32LE(index * 8) + 1, random.readUInt32LE(index * 8 + 4)];
    return Math.sqrt(-2 * Math.log(one / 2 ** 32)) * Math.cos((2 * Math.PI * other) / 2 ** 32);
  });
  return unit(normal);
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return vector.map((component) => component / norm);
}
