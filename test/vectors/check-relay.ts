import { deepEqual, equal } from "node:assert/strict";
import { z } from "zod";
import { toHex } from "../../src/crypto/hex.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { decodeHotkey, isHotkey } from "../../src/crypto/ss58.ts";
import { writeCanonical, writeCompact } from "../../src/crypto/subnet-json-writer.ts";
import { retryDelaySeconds } from "../../src/relay/outbox/retry.ts";
import { freezeRanking, type RawScore } from "../../src/relay/payload/freeze-output.ts";
import { signedHash, stableScoresText } from "../../src/relay/payload/hashes.ts";
import { makeNonce } from "../../src/relay/payload/nonce.ts";
import { readPayload } from "../../src/relay/payload/read-payload.ts";
import { payloadBody, signPayload } from "../../src/relay/payload/sign-payload.ts";
import { verifyPayload } from "../../src/relay/payload/verify-payload.ts";
import { bytesOf } from "./check-json.ts";
import { checker } from "./checker.ts";

const float = z.object({ f64: z.string() }).transform(({ f64 }) => Buffer.from(f64, "hex").readDoubleBE());
const number = z.union([float, z.object({ int: z.string() }).transform(({ int }) => BigInt(int)), z.null()]);
const scores = z.array(z.tuple([z.int(), number])).transform((entries) => new Map(entries));

export const payloadInput = z.object({
  recall_scores: scores,
  latency_scores: scores,
  proof_rates: scores,
  netuid: z.int(),
  block: z.int(),
  validator_uid: z.int(),
  clock_nonce: float,
  clock_round_ts: float,
});

const payloadCase = z.object({
  input: payloadInput,
  expected: z.object({
    stable_scores_json: z.string(),
    output_hash: z.string(),
    nonce: z.string(),
    canonical_json: z.string(),
    signed_hash: z.string(),
    validator_hotkey: z.string(),
    signature: z.string(),
    wire_body: z.string(),
    wire_body_unsigned: z.string(),
  }),
});

/** The scores of a case: the union of its three maps (spec 11.1). */
export function rawScores({ recall_scores, latency_scores, proof_rates }: z.output<typeof payloadInput>) {
  const uids = new Set([...recall_scores.keys(), ...latency_scores.keys(), ...proof_rates.keys()]);
  return new Map(
    [...uids].map((uid): [number, RawScore] => [
      uid,
      {
        recall: recall_scores.has(uid) ? (recall_scores.get(uid) ?? null) : 0,
        latencyMs: latency_scores.get(uid) ?? null,
        proofRate: proof_rates.has(uid) ? (proof_rates.get(uid) ?? null) : 0,
      },
    ]),
  );
}

export const relayPayload = checker(async (vector) => {
  const { input, expected } = payloadCase.parse(vector);
  const output = freezeRanking(rawScores(input));
  const nonce = makeNonce("ranking", input.block, input.validator_uid, input.clock_nonce * 1000);
  const { netuid, block, clock_round_ts: roundTs } = input;
  const body = payloadBody({ schemaVersion: "engram-v1", netuid, block, blockHash: "", roundTs, nonce, output });
  const map = body.get("scores");
  equal(map instanceof Map ? stableScoresText(map) : "", expected.stable_scores_json);
  equal(output.hash, expected.output_hash);
  equal(nonce, expected.nonce);
  equal(writeCanonical(body), expected.canonical_json);
  equal(signedHash(body), expected.signed_hash);
  equal(writeCompact(body), expected.wire_body_unsigned);
  const hotkey = expected.validator_hotkey;
  if (!isHotkey(hotkey)) throw new TypeError("the vector's hotkey is none");
  // Signatures are randomised: the recorded one goes in, and everything around it must come out.
  const signed = signPayload(body, { hotkey, sign: () => bytesOf(expected.signature) });
  equal(signed.text, expected.wire_body);
  equal(signed.signedHash, expected.signed_hash);
  await verifyWire(expected.wire_body, map, toHex(decodeHotkey(hotkey) ?? new Uint8Array()));
});

async function verifyWire(text: string, scores: unknown, publicKey: string): Promise<void> {
  equal(publicKey.length, 64);
  // A recall of null is hashed as zero by the reference, and is no payload to our receivers.
  if (/"(recall|proof_rate)":null/.test(text)) return;
  const payload = readPayload(text);
  deepEqual(payload.body.get("scores"), scores);
  equal(verifyPayload(await loadSr25519(), payload), null);
}

const backoffCase = z.object({
  input: z.object({ attempts: z.int() }),
  expected: z.object({ seconds: z.int() }),
});

export const relayBackoff = checker((vector) => {
  const { input, expected } = backoffCase.parse(vector);
  equal(retryDelaySeconds(input.attempts), expected.seconds);
});
