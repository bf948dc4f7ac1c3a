import { EngramError } from "../../crypto/errors.ts";
import {
  isSubnetArray,
  isSubnetObject,
  type SubnetJson,
  type SubnetObject,
  toPlain,
} from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import { writeCompact } from "../../crypto/subnet-json-writer.ts";
import { nonceParts, roundIdOf } from "./nonce.ts";
import { submission } from "./schemas.ts";
import type { Output, SchemaVersion, SignedPayload } from "./types.ts";

/** What a version's hash covers; siblings are ignored (spec 14.0). */
const BODY_KEYS: Readonly<Record<SchemaVersion, readonly string[]>> = {
  "engram-v1": ["schema_version", "netuid", "block", "round_ts", "output_hash", "nonce", "scores"],
  "engram-v2": [
    "schema_version",
    "netuid",
    "block",
    "block_hash",
    "round_id",
    "round_ts",
    "output_hash",
    "nonce",
    "output_type",
    "output",
  ],
};

/**
 * Reads a payload's wire text. The text must be the compact form that Python writes too: a second spelling of the
 * same body (blanks, doubled keys, other escapes) would make two texts of one hash.
 *
 * Errors: `PAYLOAD_MALFORMED`, `PAYLOAD_NOT_CANONICAL`.
 */
export function readPayload(text: string): SignedPayload {
  const document = readObject(text);
  if (writeCompact(document) !== text) {
    throw new EngramError("PAYLOAD_NOT_CANONICAL", "the body is not in its compact form", {
      fix: "send compact ASCII JSON without blanks, each key once",
    });
  }
  return payloadOf(document);
}

/** As `readPayload`, for a document that came inside another one. */
export function payloadOf(document: SubnetObject): SignedPayload {
  const parsed = submission.safeParse(toPlain(document));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(`${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim());
  }
  const wire = parsed.data;
  const body = new Map(BODY_KEYS[wire.schema_version].map((key) => [key, document.get(key) ?? null]));
  const ranking = wire.schema_version === "engram-v1" || wire.output_type === "ranking";
  for (const [key, value] of body) {
    const floats = key === "round_ts" || (ranking && (key === "scores" || key === "output"));
    // Whole numbers outside rankings, so that a float's text never matters (spec 14.4).
    if (!floats && holdsFloat(value)) throw malformed(`${key} holds a number that is not written as an integer`);
  }
  const v2 = wire.schema_version === "engram-v2" ? wire : null;
  const payload: SignedPayload = {
    schemaVersion: wire.schema_version,
    netuid: wire.netuid,
    block: wire.block,
    blockHash: v2?.block_hash ?? null,
    roundId: roundIdOf(wire.block),
    roundTs: wire.round_ts,
    nonce: wire.nonce,
    nonceParts: nonceParts(wire.nonce),
    content: contentOf(wire),
    outputHash: wire.output_hash,
    validatorHotkey: wire.validator_hotkey,
    signature: wire.signature,
    signedHash: wire.signed_hash,
    cosignatures: wire.cosignatures ?? [],
    body,
  };
  if (v2 && v2.round_id !== payload.roundId) throw malformed("round_id is not that of the block");
  if (payload.nonceParts.block !== payload.block) throw malformed("the nonce names another block");
  return payload;
}

function contentOf(wire: ReturnType<typeof submission.parse>): Output {
  if (wire.schema_version === "engram-v1") return { type: "ranking", output: { scores: wire.scores } };
  switch (wire.output_type) {
    case "ranking":
      return { type: "ranking", output: wire.output };
    case "memory":
      return { type: "memory", output: wire.output };
    case "inference":
      return { type: "inference", output: wire.output };
  }
}

function readObject(text: string): SubnetObject {
  let document: SubnetJson;
  try {
    document = readSubnetJson(text);
  } catch (cause) {
    throw new EngramError("PAYLOAD_MALFORMED", "the body is not JSON", { fix: "send one JSON object", cause });
  }
  if (isSubnetObject(document)) return document;
  throw malformed("it is no object");
}

function holdsFloat(value: SubnetJson): boolean {
  if (isSubnetArray(value)) return value.some(holdsFloat);
  if (isSubnetObject(value)) return [...value.values()].some(holdsFloat);
  return typeof value === "number";
}

function malformed(why: string): EngramError {
  return new EngramError("PAYLOAD_MALFORMED", `the body is no payload of engram-v1 or engram-v2: ${why}`, {
    fix: "see docs/schemas/relay",
  });
}
