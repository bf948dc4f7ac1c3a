import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { pythonRound } from "../../../src/crypto/python-round.ts";
import type { Memory, MemoryId } from "../../../src/node/client/memory.ts";
import {
  type FrozenOutput,
  freezeInference,
  freezeMemory,
  freezeRanking,
  type MemoryEvidence,
  roundScores,
} from "../../../src/relay/payload/freeze-output.ts";
import { makeNonce } from "../../../src/relay/payload/nonce.ts";
import { readPayload } from "../../../src/relay/payload/read-payload.ts";
import { payloadBody, signPayload, withCosignatures } from "../../../src/relay/payload/sign-payload.ts";
import type { InferenceOutput } from "../../../src/relay/payload/types.ts";
import { verifyPayload } from "../../../src/relay/payload/verify-payload.ts";
import { newSigner, scoresOf, sr25519 } from "../relay-kit.ts";

const BLOCK_HASH = `0x${"ab".repeat(32)}`;
const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const signer = newSigner();

function memory(changes: Partial<Memory> = {}): Memory {
  return {
    id: "m_aaaaaaaaaaaaaaaa" as MemoryId,
    namespace: "public",
    visibility: "public",
    text: "The café opens at 8 \u{1f600}.",
    metadata: {},
    session: "s",
    seq: 1,
    at: 1,
    createdAt: 1,
    ...changes,
  };
}

function evidence(text?: string): MemoryEvidence {
  const cid = `v1::${"1".repeat(64)}` as MemoryEvidence["cid"];
  const found = { ...memory(text === undefined ? {} : { text }), visibility: "public" as const };
  return { memory: found, cid, score: 0.9821, tier: "community", replicas: 3, status: "healthy" };
}

const source = { querySha256: null, merkleRoot: null, minerHotkey: signer.hotkey };
const inference: Omit<InferenceOutput, "completion_sha256"> = {
  request_id: "3f0e8a52-54c8-4f0e-9f55-2f7f6f7f6f7f",
  model: "m",
  model_version: "1",
  prompt_sha256: hash("prompt"),
  input_cids: [],
  completion: "Eight.",
  finish_reason: "stop",
  usage: { input_tokens: 3, output_tokens: 1 },
  latency_ms: 20,
  miner_uid: null,
  miner_hotkey: null,
  tool_calls: [],
};

function wire(output: FrozenOutput, schemaVersion: "engram-v1" | "engram-v2" = "engram-v2"): string {
  const nonce = makeNonce(output.type, 120, output.type === "ranking" ? 3 : null, 1_790_000_000_000);
  const frame = { schemaVersion, netuid: 450, block: 120, blockHash: BLOCK_HASH, roundTs: 1_790_000_000.5 };
  return signPayload(payloadBody({ ...frame, nonce, output }), signer).text;
}

describe("a payload that was built", () => {
  const outputs: readonly (readonly [string, string])[] = [
    ["ranking v1", wire(freezeRanking(roundScores(scoresOf(0.5, 1))), "engram-v1")],
    ["ranking v2", wire(freezeRanking(roundScores(scoresOf(0.5, 1))))],
    ["memory", wire(freezeMemory([evidence()], source))],
    ["inference", wire(freezeInference(inference))],
  ];

  test.each(outputs)("%s reads back and verifies", (_, text) => {
    const payload = readPayload(text);
    expect(verifyPayload(sr25519, payload)).toBeNull();
    expect(payload).toMatchObject({ netuid: 450, block: 120, roundId: 2, validatorHotkey: signer.hotkey });
  });

  test.each(outputs)("%s does not verify when any body key changes", (_, text) => {
    expect(verifyPayload(sr25519, readPayload(text.replace('"netuid":450', '"netuid":451')))).toBe("bad_signature");
  });

  test.each(outputs)("%s in a second spelling is refused", (_, text) => {
    const blank = text.replace('"netuid":450', '"netuid": 450');
    const doubled = text.replace('"netuid":450', '"netuid":1,"netuid":450');
    for (const other of [blank, doubled]) {
      expect(() => readPayload(other)).toThrow(expect.objectContaining({ code: "PAYLOAD_NOT_CANONICAL" }));
    }
  });

  test("has the same output hash in both versions of a ranking, and rounded scores on the wire", () => {
    const [v1, v2] = [readPayload(outputs[0]?.[1] ?? ""), readPayload(outputs[1]?.[1] ?? "")];
    expect(v1.outputHash).toBe(v2.outputHash);
    expect(outputs[1]?.[1]).toContain('"latency_ms":100.123,');
  });

  test("another signer's hotkey does not verify", () => {
    const text = wire(freezeInference(inference)).replace(signer.hotkey, newSigner().hotkey);
    expect(verifyPayload(sr25519, readPayload(text))).toBe("bad_signature");
  });

  test("numbers outside rankings must be integers", () => {
    const text = wire(freezeInference(inference)).replace('"latency_ms":20', '"latency_ms":20.0');
    expect(() => readPayload(text)).toThrow(expect.objectContaining({ code: "PAYLOAD_MALFORMED" }));
  });

  test("ignores siblings the version does not name", () => {
    const text = wire(freezeInference(inference)).replace(/}$/, ',"later":1}');
    expect(verifyPayload(sr25519, readPayload(text))).toBeNull();
  });

  test("keeps its signed hash when co-signatures are added", () => {
    const text = wire(freezeRanking(roundScores(scoresOf(1))));
    const cosignature = { validator_hotkey: newSigner().hotkey, signature: `0x${"0".repeat(128)}` };
    expect(withCosignatures(text, [])).toBe(text);
    const payload = readPayload(withCosignatures(text, [cosignature]));
    expect(payload.cosignatures).toEqual([cosignature]);
    expect(payload.signedHash).toBe(readPayload(text).signedHash);
  });
});

describe("outputs", () => {
  test("a private memory is not assignable, and is refused at run time", () => {
    expectTypeOf<Memory>().not.toExtend<MemoryEvidence["memory"]>();
    const hidden = { ...evidence(), memory: memory({ visibility: "private" }) as MemoryEvidence["memory"] };
    expect(() => freezeMemory([hidden], source)).toThrow(expect.objectContaining({ code: "MEMORY_PRIVATE" }));
  });

  test("long texts go by their hash alone", () => {
    const text = "x".repeat(2_001);
    const { content } = readPayload(wire(freezeMemory([evidence(text)], source)));
    expect(content.output).toMatchObject({ items: [{ text: null, content_sha256: hash(text) }] });
  });

  test("scores that are not finite are refused (V-W36)", () => {
    for (const recall of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => freezeRanking(scoresOf(recall))).toThrow(expect.objectContaining({ code: "SCORES_INVALID" }));
    }
  });

  test("outputs beyond the schema's limits are refused", () => {
    const long = { ...inference, completion: "x".repeat(16_385) };
    expect(() => freezeInference(long)).toThrow(expect.objectContaining({ code: "OUTPUT_INVALID" }));
  });
});

test("rounding is exact: as toFixed, but for ties", () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, min: -1e9, max: 1e9 }),
      fc.constantFrom(3 as const, 6 as const),
      (x, places) => {
        const tie = Number.isInteger(x * 2 ** 7) || Number.isInteger(x * 2 ** 4);
        if (!tie) expect(pythonRound(x, places)).toBe(Number(x.toFixed(places)));
      },
    ),
  );
  expect([pythonRound(0.0078125, 6), pythonRound(0.0625, 3), pythonRound(12.1875, 3)]).toEqual([
    0.007812, 0.062, 12.188,
  ]);
  expect(pythonRound(-1e-9, 6)).toBe(-0);
});
