import { createHmac, randomBytes } from "node:crypto";
import { possessionProof, verifyPossessionProof } from "../../src/crypto/possession-proof.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { storageProof, verifyStorageProof } from "../../src/crypto/storage-proof.ts";
import { isSubnetObject, type SubnetObject } from "../../src/crypto/subnet-json.ts";
import { readSubnetJson } from "../../src/crypto/subnet-json-reader.ts";
import { fact } from "../facts.ts";
import { unitVector } from "../random-vectors.ts";
import { type Result, result } from "../report.ts";

const DIM = 512;
const RECORDS = 256;
const SECONDS = 2;

/** Proofs made, and checked, a second on one thread, each beside a bare HMAC over the same bytes. */
export async function proofs(): Promise<readonly Result[]> {
  const records = Array.from({ length: RECORDS }, (_, index) => recordOf(index));
  const nonce = randomBytes(32);
  const validatorKey = randomBytes(32);
  const challenge = {
    nonce,
    validator: hotkeyOf(validatorKey),
    miner: hotkeyOf(randomBytes(32)),
    expiresAt: 1_790_000_000,
  };
  const made = records.map((record) => ({
    first: storageProof(record.embedding, nonce, validatorKey),
    second: possessionProof(record, challenge),
  }));
  const hmac = (bytesOf: (record: BenchRecord) => readonly Uint8Array[]) =>
    perSecond((index) => {
      const mac = createHmac("sha256", nonce);
      for (const bytes of bytesOf(at(records, index))) mac.update(bytes);
      return mac.digest("hex").length === 64;
    });
  // Spec 3 signs the vector's hash, which is made of all its bytes.
  const bare1 = { name: "bare HMAC over the vector", value: hmac(({ bytes }) => [bytes]) };
  const bare2 = { name: "bare HMAC over vector and metadata", value: hmac(({ bytes, text }) => [bytes, text]) };
  return [
    result(
      "proof v1 made",
      "1/s",
      perSecond((index) => storageProof(at(records, index).embedding, nonce, validatorKey).proof.length === 64),
      bare1,
    ),
    result(
      "proof v1 checked",
      "1/s",
      perSecond((index) =>
        verifyStorageProof(at(made, index).first, at(records, index).embedding, nonce, validatorKey),
      ),
      bare1,
    ),
    result(
      "proof v2 made",
      "1/s",
      perSecond((index) => possessionProof(at(records, index), challenge).length === 64),
      bare2,
    ),
    result(
      "proof v2 checked",
      "1/s",
      perSecond((index) => verifyPossessionProof(at(made, index).second, at(records, index), challenge)),
      bare2,
    ),
  ];
}

interface BenchRecord {
  readonly cid: string;
  readonly embedding: Float32Array;
  readonly metadata: SubnetObject;
  readonly bytes: Uint8Array;
  readonly text: Uint8Array;
}

function recordOf(index: number): BenchRecord {
  const embedding = Float32Array.from(unitVector(index, DIM));
  const text = JSON.stringify({ text: fact(index).repeat(5), n: index });
  const metadata = readSubnetJson(text);
  if (!isSubnetObject(metadata)) throw new Error("metadata is an object");
  const cid = `v1::${index.toString(16).padStart(64, "0")}`;
  return { cid, embedding, metadata, bytes: new Uint8Array(embedding.buffer), text: Buffer.from(text) };
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error("the list is empty");
  return found;
}

function perSecond(work: (index: number) => boolean): number {
  for (let index = 0; index < RECORDS; index += 1) work(index);
  let count = 0;
  const began = performance.now();
  for (; performance.now() - began < SECONDS * 1_000; count += 1) {
    if (!work(count)) throw new Error("a proof is wrong");
  }
  return count / ((performance.now() - began) / 1_000);
}
