import { equal, throws } from "node:assert/strict";
import { z } from "zod";
import { cidMatches, cidOf, parseCid, pythonMetadataText, rustCidOf, rustMetadataText } from "../../src/crypto/cid.ts";
import { contentId } from "../../src/crypto/content-id.ts";
import { embeddingBytes } from "../../src/crypto/embedding-hash.ts";
import { fromHex, toHex } from "../../src/crypto/hex.ts";
import { pythonRound } from "../../src/crypto/python-round.ts";
import { pythonFloat, pythonStr } from "../../src/crypto/python-text.ts";
import { isSubnetArray, isSubnetObject, type SubnetArray, type SubnetObject } from "../../src/crypto/subnet-json.ts";
import { readSubnetJson } from "../../src/crypto/subnet-json-reader.ts";
import { writeCanonical, writePythonDefault } from "../../src/crypto/subnet-json-writer.ts";
import { checker } from "./checker.ts";

const pyjsonCase = z.object({
  json_text: z.string(),
  py_str: z.string(),
  json_default: z.string(),
  json_canonical: z.string(),
});

export const pyjson = checker((vector) => {
  const { json_text, py_str, json_default, json_canonical } = pyjsonCase.parse(vector);
  const value = readSubnetJson(json_text);
  equal(pythonStr(value), py_str);
  equal(writePythonDefault(value), json_default);
  equal(writeCanonical(value), json_canonical);
});

const form = z.object({ canonical_json: z.string(), cid: z.string() });
const cidCase = z.object({
  embedding_json: z.string(),
  embedding_f32le_hex: z.string(),
  metadata_json: z.string(),
  model_version: z.string(),
  python: form,
  rust: form,
});

export const cid = checker((vector) => {
  const expected = cidCase.parse(vector);
  const embedding = readArray(expected.embedding_json).map(Number);
  const content = {
    embedding,
    metadata: readObject(expected.metadata_json),
    modelVersion: expected.model_version,
  };
  equal(toHex(embeddingBytes(embedding)), expected.embedding_f32le_hex);
  equal(pythonMetadataText(content), expected.python.canonical_json);
  equal(rustMetadataText(content), expected.rust.canonical_json);
  equal(cidOf(content), expected.python.cid);
  equal(rustCidOf(content), expected.rust.cid);
  equal(cidMatches(expected.python.cid, content), true);
  equal(cidMatches(expected.rust.cid, content), true);
  equal(
    cidMatches(
      expected.rust.cid.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")),
      content,
    ),
    false,
  );
});

const parseCidCase = z.object({
  cid: z.string(),
  ok: z.boolean(),
  version: z.string().optional(),
  digest: z.string().optional(),
});

export const parsedCid = checker((vector) => {
  const expected = parseCidCase.parse(vector);
  const parsed = parseCid(expected.cid);
  equal(parsed !== undefined, expected.ok);
  equal(parsed?.version, expected.version);
  equal(parsed?.digest, expected.digest);
});

const contentCidCase = z.object({ bytes_hex: z.string(), content_cid: z.string() });

export const contentCid = checker((vector) => {
  const { bytes_hex, content_cid } = contentCidCase.parse(vector);
  equal(contentId(bytesOf(bytes_hex)), content_cid);
});

const floatCase = z.object({
  input: z.object({ f64: z.string().length(16) }),
  json: z.string(),
  round6: z.string(),
  round3: z.string(),
});

/** Float text. The rounding itself comes with the relay; here its results are three more floats to print. */
export const pyfloat = checker((vector) => {
  const { input, ...texts } = floatCase.parse(vector);
  const value = Buffer.from(input.f64, "hex").readDoubleBE();
  equal(pythonFloat(value), texts.json);
  equal(pythonFloat(pythonRound(value, 6)), texts.round6);
  equal(pythonFloat(pythonRound(value, 3)), texts.round3);
  for (const text of Object.values(texts)) {
    equal(pythonFloat(Number(text)), text);
    if (Number.isFinite(Number(text))) equal(writeCanonical(readSubnetJson(text)), text);
    // M-W17: as a bare word in a document it is refused.
    else throws(() => readSubnetJson(text), { code: "JSON_INVALID" });
  }
});

export function readObject(text: string): SubnetObject {
  const value = readSubnetJson(text);
  if (!isSubnetObject(value)) throw new TypeError("the vector's JSON text is not an object");
  return value;
}

function readArray(text: string): SubnetArray {
  const value = readSubnetJson(text);
  if (!isSubnetArray(value)) throw new TypeError("the vector's JSON text is not a list");
  return value;
}

export function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new TypeError("the vector's hex is malformed");
  return bytes;
}
