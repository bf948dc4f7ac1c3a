import fc from "fast-check";
import { expect } from "vitest";
import type { Answer } from "./miner-under-test.ts";

/** Calls per route; `npm run fuzz` sets more. */
export const runs = Number(process.env["ENGRAM_FUZZ"] ?? 2_000);
export const timeout = 30_000 + runs * 100;

const component = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });
export const vector = fc
  .array(component, { minLength: 8, maxLength: 8 })
  .filter((components) => components.some((value) => Math.abs(value) > 1e-3));
export const key = fc.string({ maxLength: 10 }).filter((text) => !text.startsWith("_"));
export const metadata = fc
  .dictionary(key, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 })
  .filter((object) => JSON.stringify(object).length < 600);

/** Values that have broken servers before. */
const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    "",
    "abc",
    [],
    {},
    [[]],
    "NaN",
    1e300,
    -1e-300,
    2 ** 53,
    "9".repeat(60),
  ),
  fc.constantFrom(
    [1, 2],
    Array(8).fill(0),
    Array(8).fill(1e300),
    Array(8).fill("x"),
    Array(9).fill(1),
    Array(8).fill(true),
  ),
  fc.constantFrom("\u0000", "\ud800", "__proto__", "constructor", "__public__", "../../etc/passwd", "x".repeat(9000)),
  fc.jsonValue({ maxDepth: 4 }),
);
const fields = [
  ...["text", "raw_embedding", "metadata", "model_version", "model", "expires_at", "cid_override", "cid"],
  ...["query_text", "query_vector", "top_k", "filter", "limit", "offset", "after"],
  ...["namespace", "namespace_hotkey", "namespace_sig", "namespace_timestamp_ms", "namespace_key"],
  ...["owner_hotkey", "timestamp_ms", "action", "key", "new_key", "new_hotkey", "new_signature"],
  ...["nonce_hex", "validator_hotkey_hex", "embedding_hash", "cids"],
  ...["hotkey", "nonce", "signature", "__proto__", "constructor", "toString"],
];
/** Bodies of known fields with wrong values; none of them may do harm, some may be valid by chance. */
const mangled = fc.dictionary(fc.constantFrom(...fields), nasty, { maxKeys: 6, noNullPrototype: false });
/** A valid body with some fields spoilt. */
const spoilt = fc
  .tuple(vector, mangled)
  .map(([components, wrong]) => ({ raw_embedding: components, query_vector: components, ...wrong }));
const rawText = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.constantFrom(
    ...["", "{", "[]", "null", '"x"', "NaN", "{}{}", "\ufeff{}", '{"a":1,"a":2}', '{"raw_embedding":[NaN]}'],
    ...['{"raw_embedding":[Infinity,0,0,0,0,0,0,0]}', '{"__proto__":{"polluted":true},"text":5}', '{"text":"\\ud800"}'],
    ...[`${"[".repeat(100_000)}`, `{"a":${"9".repeat(5_000)}}`, `{"metadata":${'{"a":'.repeat(40)}1${"}".repeat(40)}}`],
    `{"constructor":{"prototype":{"polluted":true}},"raw_embedding":[1,1e999,0,0,0,0,0,0]}`,
  ),
);
const bytes = fc.uint8Array({ maxLength: 100 }).map((array) => new Uint8Array(array));

export type Bad = { readonly kind: "bad"; readonly body: string | Uint8Array<ArrayBuffer> };
export const bad: fc.Arbitrary<Bad> = fc
  .oneof(
    { weight: 3, arbitrary: fc.oneof(mangled, spoilt).map((body) => JSON.stringify(body)) },
    { weight: 2, arbitrary: rawText },
    bytes,
  )
  .map((body) => ({ kind: "bad", body }));

/** Runs `check` on as many calls, of which so many as promised must have been valid ones. */
export async function fuzz<T>(calls: fc.Arbitrary<T>, check: (call: T) => Promise<"valid" | "bad">): Promise<void> {
  let valid = 0;
  const property = fc.asyncProperty(calls, async (call) => {
    if ((await check(call)) === "valid") valid += 1;
  });
  // The miner remembers: a shrunk call would meet another state than the one that failed.
  await fc.assert(property, { numRuns: runs, endOnFailure: true });
  expect(valid).toBeGreaterThanOrEqual(runs / 5);
}

/** What holds for every answer whatsoever. */
export function sound(answer: Answer): Answer {
  expect(answer.status, answer.text).toBeLessThan(500);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  if (answer.status !== 200 && answer.json) expect(answer.json.error).toMatch(/.{8}/);
  return answer;
}
