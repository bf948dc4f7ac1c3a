// Many miners in one process: each listens on a port of its own and answers cheaply, after the time it was given.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { cidOf } from "../src/crypto/cid.ts";
import { fromHex } from "../src/crypto/hex.ts";
import { storageProof } from "../src/crypto/storage-proof.ts";

/** By miner: milliseconds before it answers; null: it takes the call and never answers. */
const delays: readonly (number | null)[] = JSON.parse(process.argv[2] ?? "[]");

/** Records that all miners were given, by CID: each keeps the same ones. */
const records = new Map<string, Float32Array>();
/** CIDs by the text of the vector: 256 miners are given the same canary. */
const known = new Map<string, string>();

const urls = await Promise.all(delays.map((delay) => listen(delay)));
process.stdout.write(`${JSON.stringify(urls)}\n`);

async function listen(delay: number | null): Promise<string> {
  const server = createServer((request, response) => void serve(delay, request, response));
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serve(delay: number | null, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  if (delay === null) return;
  const text = JSON.stringify(reply(request.url ?? "/", Buffer.concat(chunks).toString("utf8")));
  setTimeout(() => response.writeHead(200, { "content-type": "application/json" }).end(text), delay);
}

function reply(path: string, text: string): object {
  if (path === "/health") return { status: "ok" };
  const body = JSON.parse(text);
  if (path === "/IngestSynapse") return { cid: stored(body.raw_embedding) };
  if (path === "/QuerySynapse") return { results: nearest(body.query_vector, body.top_k) };
  const [nonce, key] = [body.nonce_hex, body.validator_hotkey_hex].map((hex) => fromHex(hex, 32));
  const embedding = records.get(body.cid);
  return embedding && nonce && key ? storageProof(embedding, nonce, key) : { error: "not found" };
}

function stored(numbers: readonly number[]): string {
  const text = numbers.slice(0, 8).join();
  const before = known.get(text);
  if (before !== undefined) return before;
  const embedding = Float32Array.from(numbers);
  const cid = cidOf({ embedding, metadata: new Map() });
  known.set(text, cid);
  records.set(cid, embedding);
  return cid;
}

/** Answers to a query, kept: every miner is asked the same few. */
const answers = new Map<string, readonly { readonly cid: string }[]>();

function nearest(query: readonly number[], count: number): readonly { readonly cid: string }[] {
  const text = `${records.size}:${query.slice(0, 8).join()}`;
  const before = answers.get(text);
  if (before) return before;
  const scored = Array.from(records, ([cid, embedding]) => ({
    cid,
    score: embedding.reduce((sum, component, index) => sum + component * (query[index] ?? 0), 0),
  }));
  const found = scored.sort((one, other) => other.score - one.score).slice(0, count);
  answers.set(text, found);
  return found;
}
