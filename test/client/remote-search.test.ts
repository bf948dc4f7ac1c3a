import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWallet } from "../../src/node/chain/wallet.ts";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { MEASURED_OBFUSCATION, obfuscationWarning } from "../../src/node/client/obfuscation.ts";
import { walletFolder } from "../../src/node/client/open-client.ts";
import { restore } from "../../src/node/client/replication/restore.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import type { Secret } from "../../src/node/runtime/secret.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

let bench: ClientBench;
let miners: TcpMiners;
let client: MemoryClient;
/** Another machine of the same owner, with keys alone. */
let away: string;
const opened: AsyncDisposable[] = [];
beforeAll(async () => {
  bench = await ClientBench.make();
  miners = await TcpMiners.start(2);
  client = await fill();
  away = await restored("away");
}, 120_000);
afterAll(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  await miners[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
}, 60_000);

function open(home = bench.home): MemoryClient {
  const client = openEngram({ home, log: quiet, embedder: new TestEmbedder(), miners: miners.list });
  opened.push(client);
  return client;
}

const NOTES = [
  "the red kettle whistles at noon",
  "a ferry leaves the harbour at dawn",
  "grandmother hides plums in the attic",
];

const LONG = `${"Many words about nothing in particular fill these pages. ".repeat(120)}The zeppelin landed in Reykjavik.`;

async function fill(): Promise<MemoryClient> {
  const owner = open();
  expect(await owner.createNamespace({ name: "field", remoteSearch: true })).toMatchObject({ remoteSearch: true });
  const metadata = { kind: "note" };
  await owner.store({ namespace: "field", items: [...NOTES, LONG].map((text) => ({ text, metadata })) });
  await owner.store({ namespace: "field", items: [{ text: NOTES[0] ?? "" }], dedupe: false });
  await owner.store({ namespace: "sealed", items: [{ text: "the vault opens with a lamp" }] });
  await owner.settle();
  return owner;
}

async function restored(name: string, keysOnly = true): Promise<string> {
  const home = join(bench.home, "..", name);
  const { phrase } = await openWallet(walletFolder(bench.home));
  const options = { home, phrase: phrase as Secret<string>, miners: miners.list, embedder: new TestEmbedder() };
  await restore({ ...options, keysOnly });
  return home;
}

test("a machine with the keys alone finds memories at the miners, and only where remote search was chosen", async () => {
  const remote = open(away);
  expect((await remote.namespaces()).map(({ name, memories }) => [name, memories])).toEqual([
    ["field", 0],
    ["sealed", 0],
  ]);
  const { hits } = await remote.query({ query: "when does the ferry leave the harbour" });
  expect(hits[0]).toMatchObject({ text: NOTES[1], namespace: "field", tier: "own", metadata: { kind: "note" } });
  const vault = await remote.query({ query: "the vault opens with a lamp" });
  expect(vault.hits.map(({ namespace }) => namespace)).not.toContain("sealed");
  expect((await remote.query({ query: "ferry", namespaces: ["sealed"] })).hits).toEqual([]);
  const filter = { key: "kind", is: { eq: "song" } };
  expect((await remote.query({ query: "harbour ferry", filter })).hits).toEqual([]);
  expect((await remote.query({ query: "harbour ferry", mode: "keyword" })).hits).toEqual([]);
  // A long memory is found by one of its records, and comes back whole.
  const long = await remote.query({ query: "zeppelin landed Reykjavik", limit: 10 });
  expect(long.hits.map(({ text }) => text)).toContain(LONG);
});

test("a whole restore takes the memories over and recognises the copies", async () => {
  await restored("away", false);
  const whole = open(away);
  await whole.settle();
  expect((await whole.namespaces())[0]).toMatchObject({ name: "field", memories: 5, remoteSearch: true });
  expect((await whole.status()).journal).toEqual({ pushes: 0, deletes: 0, failed: 0 });
  const { hits } = await whole.query({ query: "plums in the attic", namespaces: ["field"] });
  await whole.delete({ ids: [hits[0]?.id ?? ""] });
  await whole.settle();
  const again = await open(await restored("third")).query({ query: "plums in the attic" });
  expect(again.hits.map(({ text }) => text)).not.toContain(NOTES[2]);
  expect(again.hits.length).toBeGreaterThan(0);
});

test("a namespace keeps the form it was made in, and the warning has the measured figures", async () => {
  await expect(client.createNamespace({ name: "field" })).rejects.toMatchObject({ code: "NAMESPACE_EXISTS" });
  await expect(client.createNamespace({ name: "sealed", remoteSearch: true })).rejects.toMatchObject({
    code: "NAMESPACE_EXISTS",
  });
  const { date, texts } = MEASURED_OBFUSCATION;
  expect(obfuscationWarning()).toMatch(new RegExp(`${date}, 100 % of ${texts} texts`));
});

test("miners get the same obfuscated vector for the same text, never the vector itself, and sealed ones elsewhere", async () => {
  await miners.stop(0);
  const database = new Database(join(miners.folders[0] ?? "", "records.db"), { readonly: true });
  const vectors = database
    .prepare<[], Buffer>(
      "SELECT vector FROM record r JOIN record_embedding e ON e.record = r.id WHERE namespace <> '__public__'",
    )
    .pluck()
    .all();
  database.close();
  const kept = vectors.map((bytes) => new Float32Array(new Uint8Array(bytes).buffer));
  const [exact] = await new TestEmbedder().embed([NOTES[0] ?? ""]);
  const cosines = kept.map((vector) => vector.reduce((sum, value, index) => sum + value * (exact?.[index] ?? 0), 0));
  const near = kept.filter((_, index) => (cosines[index] ?? 0) > 0.45);
  expect(near).toHaveLength(2);
  expect(near[0]).toEqual(near[1]);
  expect(Math.max(...cosines)).toBeLessThan(0.95);
});
