import { EngramError } from "../../../crypto/errors.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { StoredRecord } from "../../ports.ts";

/** A record as SQLite holds it. */
export interface RecordRow {
  readonly id: number;
  readonly namespace: string;
  readonly cid: string;
  readonly ingested_by: string | null;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly metadata: string;
  readonly embedding: Uint8Array;
}

/** As much of a record as a search answers. */
export type RecordHit = Pick<RecordRow, "cid" | "expires_at" | "metadata">;

export function toRecord(row: RecordRow): StoredRecord {
  return {
    namespace: row.namespace,
    cid: row.cid,
    embedding: toVector(row.embedding),
    metadata: row.metadata,
    // Only what was verified when it was stored is ever in this column.
    ingestedBy: row.ingested_by as Hotkey | null,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

/** The float32 numbers of a stored vector, copied: SQLite's bytes need not be aligned. */
function toVector(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(bytes.byteLength / Float32Array.BYTES_PER_ELEMENT);
  new Uint8Array(vector.buffer).set(bytes);
  return vector;
}

/** The exact bytes of a vector (little-endian, as every machine Node runs on). */
export function toBytes(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}

/**
 * Refuses what no cosine exists for (M-W17): numbers that are not finite, all zeros, another length than `dimension`.
 * Errors: `VECTOR_INVALID`, `VECTOR_DIMENSION`.
 */
export function checkVector(vector: Float32Array, dimension: number | undefined): void {
  if (!(vector instanceof Float32Array) || vector.length === 0) {
    throw new EngramError("VECTOR_INVALID", "the vector is empty", { fix: "send a list of finite numbers" });
  }
  if (dimension !== undefined && vector.length !== dimension) {
    throw new EngramError("VECTOR_DIMENSION", `vectors here have ${dimension} numbers, this one has ${vector.length}`, {
      fix: `send a vector of ${dimension} numbers, made by the model this store serves`,
    });
  }
  let isZero = true;
  for (const component of vector) {
    if (!Number.isFinite(component)) {
      throw new EngramError("VECTOR_INVALID", "the vector holds a number that is not finite as a 32-bit float", {
        fix: "send finite numbers below 3.4e38",
      });
    }
    if (component !== 0) isZero = false;
  }
  if (isZero) {
    throw new EngramError("VECTOR_INVALID", "the vector is all zeros: it points nowhere", {
      fix: "send a vector with at least one number that is not zero",
    });
  }
}

/** Refuses what could not be read back. Errors: `RECORD_INVALID` and those of `checkVector`. */
export function checkRecord(record: StoredRecord, dimension: number | undefined): void {
  checkVector(record.embedding, dimension);
  if (record.namespace === "" || record.cid === "") throw invalid("has no namespace or no CID");
  if (!isTime(record.createdAt) || (record.expiresAt !== null && !isTime(record.expiresAt))) {
    throw invalid("has a time that is not in whole milliseconds");
  }
  let metadata: unknown;
  try {
    metadata = JSON.parse(record.metadata);
  } catch {
    throw invalid("has metadata that is not JSON");
  }
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    throw invalid("has metadata that is no JSON object");
  }
}

function isTime(time: number): boolean {
  return Number.isSafeInteger(time) && time >= 0;
}

function invalid(what: string): EngramError {
  return new EngramError("RECORD_INVALID", `the record ${what}`, { fix: "correct it; nothing was stored" });
}
