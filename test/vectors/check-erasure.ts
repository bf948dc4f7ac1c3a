import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { z } from "zod";
import { parseShardCid, readFloatShards } from "../../src/crypto/float-shards.ts";
import { checker, type VectorCase } from "./checker.ts";

const cidCase = z.object({
  cid: z.string(),
  is_shard: z.boolean(),
  parsed: z.tuple([z.string(), z.int(), z.int(), z.int()]).nullable(),
});
const codeCase = z.object({
  k: z.int(),
  n: z.int(),
  dim: z.int(),
  shard_len: z.int(),
  embedding_f32le_hex: z.string(),
  shards_f32le_hex: z.array(z.string()),
  decodes: z.array(
    z.object({ shard_indices: z.array(z.int()), decoded_f32le_hex: z.string(), max_abs_err: z.number() }),
  ),
});

/** Reading alone: nothing writes float shards (M-W29). */
export const erasure = checker(
  (vector, list) => (list === "shard_cids" ? verifyCid(vector) : verifyDecodes(vector)),
  ["cases", "shard_cids"],
);

function verifyCid(vector: VectorCase): void {
  const { cid, is_shard, parsed } = cidCase.parse(vector);
  const name = parseShardCid(cid);
  deepEqual(name ? [name.parent, name.index, name.needed, name.total] : null, parsed);
  ok(is_shard || name === undefined);
}

function verifyDecodes(vector: VectorCase): void {
  const { k: needed, n: total, dim, shard_len, ...rest } = codeCase.parse(vector);
  const shards = rest.shards_f32le_hex.map(floats);
  for (const shard of shards) equal(shard.length, shard_len);
  for (const { shard_indices, decoded_f32le_hex, max_abs_err } of rest.decodes) {
    const given = new Map(shard_indices.map((index) => [index, shards[index] ?? new Float32Array()]));
    const vectorRead = readFloatShards(given, { needed, total, dim });
    equal(vectorRead.length, dim);
    close(vectorRead, floats(decoded_f32le_hex), 1e-5);
    close(vectorRead, floats(rest.embedding_f32le_hex), max_abs_err + 1e-5);
    const fewer = new Map([...given].slice(1));
    throws(() => readFloatShards(fewer, { needed, total, dim }), { code: "SHARDS_MISSING" });
  }
}

function close(left: Float32Array, right: Float32Array, tolerance: number): void {
  equal(left.length, right.length);
  for (const [at, value] of left.entries()) ok(Math.abs(value - (right[at] ?? Number.NaN)) <= tolerance);
}

function floats(hex: string): Float32Array {
  const bytes = Buffer.from(hex, "hex");
  return Float32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
}
