import { toHex } from "../../crypto/hex.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { isSubnetObject, type SubnetJson, type SubnetObject } from "../../crypto/subnet-json.ts";
import { writeCompact } from "../../crypto/subnet-json-writer.ts";
import type { FrozenOutput } from "./freeze-output.ts";
import { payloadMessage, signedHash } from "./hashes.ts";
import { roundIdOf } from "./nonce.ts";
import type { Cosignature, SchemaVersion } from "./types.ts";

/** Signs as one hotkey; a wallet is one. */
export interface PayloadSigner {
  readonly hotkey: Hotkey;
  sign(message: Uint8Array): Uint8Array;
}

/** Everything of a body but its hashes. */
export interface PayloadFrame {
  readonly schemaVersion: SchemaVersion;
  readonly netuid: number;
  readonly block: number;
  /** Of `block`; v1 does not carry it. */
  readonly blockHash: string;
  /** Unix seconds, a float. */
  readonly roundTs: number;
  readonly nonce: string;
  readonly output: FrozenOutput;
}

/** The body's named keys in the order of the wire. A v1 body can carry a ranking alone. */
export function payloadBody(frame: PayloadFrame): SubnetObject {
  const { schemaVersion, netuid, block, blockHash, roundTs, nonce, output } = frame;
  const head: [string, SubnetJson][] = [
    ["schema_version", schemaVersion],
    ["netuid", BigInt(netuid)],
    ["block", BigInt(block)],
  ];
  const middle: [string, SubnetJson][] = [
    ["round_ts", roundTs],
    ["output_hash", output.hash],
    ["nonce", nonce],
  ];
  if (schemaVersion === "engram-v1") {
    const scores = output.document.get("scores");
    if (!isSubnetObject(scores)) throw new TypeError("engram-v1 carries rankings alone");
    return new Map([...head, ...middle, ["scores", scores]]);
  }
  return new Map<string, SubnetJson>([
    ...head,
    ["block_hash", blockHash],
    ["round_id", BigInt(roundIdOf(block))],
    ...middle,
    ["output_type", output.type],
    ["output", output.document],
  ]);
}

/** A body with its proof, as it is sent. */
export interface SignedBody {
  readonly signedHash: string;
  /** The wire's JSON text (spec 11.4): what is stored and sent, never written anew. */
  readonly text: string;
}

/** Signs a body (spec 11.3). There is no way to send one unsigned (V-W35). */
export function signPayload(body: SubnetObject, signer: PayloadSigner): SignedBody {
  const hash = signedHash(body);
  const envelope: [string, SubnetJson][] = [
    ["validator_hotkey", signer.hotkey],
    ["signature", `0x${toHex(signer.sign(payloadMessage(hash)))}`],
    ["signed_hash", hash],
  ];
  return { signedHash: hash, text: writeCompact(new Map([...body, ...envelope])) };
}

/** The wire text with co-signatures, sorted by hotkey; without any it stays as it was signed (spec 14.2). */
export function withCosignatures(text: string, cosignatures: readonly Cosignature[]): string {
  if (cosignatures.length === 0) return text;
  const sorted = [...cosignatures].sort((left, right) => (left.validator_hotkey < right.validator_hotkey ? -1 : 1));
  const list = sorted.map((one): SubnetJson => new Map([...Object.entries(one)]));
  return `${text.slice(0, -1)},"cosignatures":${writeCompact(list)}}`;
}
