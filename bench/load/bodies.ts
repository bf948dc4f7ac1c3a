import { unitVector } from "../random-vectors.ts";

export const DIM = 512;
/** Vectors a load has to choose from: making one takes longer than a server takes to read it. */
const VECTORS = 2_000;
/** Digits of the number that makes every body another one. */
const DIGITS = 9;

export type BodyKind = "vector-ingest" | "text-ingest" | "vector-query";

/** Bodies of one kind, all of them different: one of `count` texts, with a number of so many digits in its middle. */
export interface Bodies {
  /** What stands before and after the number in the `index`-th body. */
  readonly partsOf: (index: number) => readonly [before: string, after: string];
  readonly digits: number;
  readonly count: number;
}

/** Made before the load begins, for the server under test and for what it is compared with alike. */
export function bodiesOf(kind: BodyKind): Bodies {
  if (kind === "text-ingest") return { partsOf: noteParts, digits: DIGITS, count: 977 };
  const vectors = Array.from({ length: VECTORS }, (_, index) => JSON.stringify(unitVector(index, DIM)));
  const field = kind === "vector-ingest" ? "raw_embedding" : "query_vector";
  const rest = kind === "vector-ingest" ? `"metadata": {"n": ` : `"top_k": 10, "n": `;
  const end = kind === "vector-ingest" ? "}}" : "}";
  const partsOf = (index: number) => [`{"${field}": ${vectors[index]}, ${rest}`, end] as const;
  return { partsOf, digits: DIGITS, count: VECTORS };
}

function noteParts(index: number): readonly [string, string] {
  return [`{"text": "The kettle of house ${index} was repaired on day ${index % 365}, note `, `."}`];
}
