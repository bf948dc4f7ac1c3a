import { toHex } from "./hex.ts";
import { verifyHotkeySignature } from "./request-auth.ts";
import type { Sr25519 } from "./sr25519.ts";
import type { Hotkey } from "./ss58.ts";
import type { SubnetJson } from "./subnet-json.ts";
import { writeCanonical } from "./subnet-json-writer.ts";

/** What a validator says of a round (spec 9.1). */
export interface ScoreVector {
  readonly validatorHotkey: string;
  readonly block: number;
  /** Recall by uid, 0 to 1. */
  readonly scores: ReadonlyMap<number, number>;
  /** Unix milliseconds. */
  readonly timestampMs: number;
}

export interface SignedScoreVector extends ScoreVector {
  /** `0x` and 128 hex digits. */
  readonly signature: string;
}

/** The signed text (spec 9.1): canonical JSON, every score a float, uids ordered as text. */
export function canonicalScoreVector({ validatorHotkey, block, scores, timestampMs }: ScoreVector): string {
  const floats = new Map([...scores].map(([uid, score]): [string, number] => [String(uid), score]));
  return writeCanonical(
    new Map<string, SubnetJson>([
      ["block", BigInt(block)],
      ["scores", floats],
      ["timestamp_ms", BigInt(timestampMs)],
      ["validator_hotkey", validatorHotkey],
    ]),
  );
}

export function signScoreVector(
  vector: Omit<ScoreVector, "validatorHotkey">,
  signer: { readonly hotkey: Hotkey; sign(message: Uint8Array): Uint8Array },
): SignedScoreVector {
  const whole = { ...vector, validatorHotkey: signer.hotkey };
  return { ...whole, signature: `0x${toHex(signer.sign(Buffer.from(canonicalScoreVector(whole), "utf8")))}` };
}

/** Whether the vector's own hotkey signed it. */
export function verifyScoreVector(sr25519: Sr25519, vector: SignedScoreVector): boolean {
  const message = Buffer.from(canonicalScoreVector(vector), "utf8");
  return verifyHotkeySignature(sr25519, vector.validatorHotkey, message, vector.signature);
}
