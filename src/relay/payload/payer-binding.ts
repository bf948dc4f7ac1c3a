import { z } from "zod";
import { toHex } from "../../crypto/hex.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { SubnetJson } from "../../crypto/subnet-json.ts";
import type { SignatureCheck } from "../../node/runtime/signature-check.ts";
import type { PayloadSigner } from "./sign-payload.ts";

/** The sibling of a payload that names for whom it was relayed: the address that paid this hotkey for it. */
const KEY = "payer_binding";

const binding = z.object({
  payer: z.string().regex(/^0x[0-9a-f]{40}$/),
  timestamp_ms: z.int().min(0),
  signature: z.string().regex(/^0x[0-9a-f]{128}$/),
});

/** What the relaying hotkey signs (spec 11, "payer binding"): a message of its own, bound to the payload's hash. */
function message(signedHash: string, payer: string, timestampMs: number): Uint8Array {
  return Buffer.from(`engram-relay-payer:v1:${signedHash}:${payer}:${timestampMs}`, "ascii");
}

/** `text`, a signed payload, with the word of its signer that `payer` paid for it. */
export function withPayer(
  { text, signedHash }: { readonly text: string; readonly signedHash: string },
  signer: PayloadSigner,
  payer: string,
  now: number,
): string {
  const lower = payer.toLowerCase();
  const signature = `0x${toHex(signer.sign(message(signedHash, lower, now)))}`;
  return `${text.slice(0, -1)},"${KEY}":${JSON.stringify({ payer: lower, timestamp_ms: now, signature })}}`;
}

/** The signature that a payload claims for its payer's name; null where it names nobody, undefined where it is malformed. */
export function payerCheck(
  document: ReadonlyMap<string, SubnetJson>,
  { signedHash, hotkey }: { readonly signedHash: string; readonly hotkey: Hotkey },
): SignatureCheck | null | undefined {
  const stated = document.get(KEY);
  if (stated === undefined) return null;
  const { data } = binding.safeParse(stated instanceof Map ? plain(stated) : stated);
  if (data === undefined) return undefined;
  const { payer, timestamp_ms: at, signature } = data;
  return { hotkey, message: message(signedHash, payer, at), signature, unwrapped: true };
}

function plain(object: ReadonlyMap<string, SubnetJson>): Record<string, unknown> {
  return Object.fromEntries(
    [...object].map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]),
  );
}
