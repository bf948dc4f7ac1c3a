import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { parseShardCid, readFloatShards } from "../../src/crypto/float-shards.ts";

/** As the reference writes them (spec 9.9); nothing of ours does. */
function shardsOf(vector: readonly number[], needed: number, total: number): Map<number, Float32Array> {
  const width = Math.ceil(vector.length / needed);
  const shard = (index: number) =>
    Float32Array.from({ length: width }, (_, column) =>
      Array.from({ length: needed }, (_, row) => (index + 1) ** row * (vector[row * width + column] ?? 0)).reduce(
        (sum, term) => sum + term,
        0,
      ),
    );
  return new Map(Array.from({ length: total }, (_, index) => [index, shard(index)]));
}

const vectors = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 });

describe("the reference's float shards", () => {
  test.prop([vectors, fc.subarray([0, 1, 2, 3, 4], { minLength: 3 })])(
    "any three of five give the vector",
    (vector, held) => {
      const all = shardsOf(vector, 3, 5);
      const given = new Map([...all].filter(([index]) => held.includes(index)));
      const read = readFloatShards(given, { needed: 3, total: 5, dim: vector.length });
      expect(read).toHaveLength(vector.length);
      for (const [at, value] of vector.entries()) expect(Math.abs((read[at] ?? 9) - value)).toBeLessThan(1e-4);
    },
  );

  test("what rounding destroyed is refused, not made up", () => {
    const vector = Array.from({ length: 20 }, (_, at) => Math.sin(at));
    const shape = { needed: 10, total: 20, dim: 20 };
    expect(() => readFloatShards(shardsOf(vector, 10, 20), shape)).toThrow(
      expect.objectContaining({ code: "SHARDS_LOSSY" }),
    );
    const far = new Map([...shardsOf(vector, 4, 200)].slice(-4));
    expect(() => readFloatShards(far, { needed: 4, total: 200, dim: 20 })).toThrow(
      expect.objectContaining({ code: "SHARDS_LOSSY" }),
    );
  });

  test.each([
    [
      "too few",
      new Map([
        [0, [1]],
        [1, [1]],
      ]),
      "SHARDS_MISSING",
    ],
    [
      "of another length",
      new Map([
        [0, [1]],
        [1, [1]],
        [2, [1, 2]],
      ]),
      "SHARDS_INVALID",
    ],
    [
      "not finite",
      new Map([
        [0, [1]],
        [1, [1]],
        [2, [Number.NaN]],
      ]),
      "SHARDS_INVALID",
    ],
    [
      "beyond their number",
      new Map([
        [0, [1]],
        [1, [1]],
        [5, [1]],
      ]),
      "SHARDS_INVALID",
    ],
    [
      "of no number",
      new Map([
        [0, [1]],
        [0.5, [1]],
        [1, [1]],
      ]),
      "SHARDS_INVALID",
    ],
  ])("shards that are %s are refused", (_, shards, code) => {
    const given = new Map([...shards].map(([index, values]) => [index, Float32Array.from(values)]));
    expect(() => readFloatShards(given, { needed: 3, total: 5, dim: 3 })).toThrow(expect.objectContaining({ code }));
  });
});

test.each([
  ["v1::a::ec:0/3/5", { parent: "v1::a", index: 0, needed: 3, total: 5 }],
  ["v1::a::ec:1/2/3::ec: +4 /3/5", { parent: "v1::a::ec:1/2/3", index: 4, needed: 3, total: 5 }],
  ["v1::a::ec:5/3/5", undefined],
  ["v1::a::ec:0/1/5", undefined],
  ["v1::a::ec:0/6/5", undefined],
  ["v1::a::ec:0/3/256", undefined],
  ["v1::a::ec:0/3", undefined],
  ["v1::a::ec:0x1/3/5", undefined],
  ["v1::a", undefined],
])("%s names a shard or none", (cid, expected) => {
  expect(parseShardCid(cid)).toEqual(expected);
});
