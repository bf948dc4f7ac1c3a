import { createHash } from "node:crypto";
import { EngramError } from "../../crypto/errors.ts";
import { pythonRound } from "../../crypto/python-round.ts";
import { isSubnetObject, type SubnetJson, type SubnetObject } from "../../crypto/subnet-json.ts";
import { writeCanonical } from "../../crypto/subnet-json-writer.ts";
import type { OutputType } from "./types.ts";

/** SHA-256 of a text's UTF-8, 64 lower-case hex digits. */
export function sha256Hex(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** The scores as they are hashed: rounded, sorted, every number a float (spec 11.2). */
export function stableScoresText(scores: SubnetObject): string {
  const stable = new Map<string, SubnetJson>();
  for (const [uid, score] of scores) {
    if (!isSubnetObject(score)) throw unreadable();
    const latency = score.get("latency_ms") ?? null;
    stable.set(
      uid,
      new Map<string, SubnetJson>([
        ["recall", pythonRound(numberOf(score.get("recall")) || 0, 6)],
        ["latency_ms", latency === null ? null : pythonRound(numberOf(latency), 3)],
        ["proof_rate", pythonRound(numberOf(score.get("proof_rate")) || 0, 6)],
      ]),
    );
  }
  return writeCanonical(stable);
}

/** `output_hash` of a document: v1's rule for rankings, so that both versions agree (spec 14.4). */
export function outputHash(type: OutputType, document: SubnetObject): string {
  if (type !== "ranking") return sha256Hex(writeCanonical(document));
  const scores = document.get("scores");
  if (!isSubnetObject(scores)) throw unreadable();
  return sha256Hex(stableScoresText(scores));
}

/** `signed_hash`: of the version's named body keys alone (spec 11.3, 14.0). */
export function signedHash(body: SubnetObject): string {
  return sha256Hex(writeCanonical(body));
}

/** What the signature covers: the hash's 64 ASCII characters (spec 11.3). */
export function payloadMessage(hash: string): Uint8Array {
  return Buffer.from(hash, "ascii");
}

/** What a co-signature covers (spec 14.0): a message of its own, which no payload signature can be taken for (V-W37). */
export function cosignMessage(payload: {
  readonly netuid: number;
  readonly block: number;
  readonly outputHash: string;
  readonly signedHash: string;
}): Uint8Array {
  const { netuid, block, outputHash: output, signedHash: signed } = payload;
  return Buffer.from(`engram-relay-cosign:v1:${netuid}:${block}:${output}:${signed}`, "ascii");
}

function numberOf(value: SubnetJson | undefined): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === "bigint" || typeof value === "number") return Number(value);
  throw unreadable();
}

function unreadable(): EngramError {
  return new EngramError("SCORES_INVALID", "these are no scores: each uid needs recall, latency_ms and proof_rate");
}
