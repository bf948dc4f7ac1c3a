import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { storageProof } from "../../src/crypto/storage-proof.ts";
import type { Audits, VerifyReport } from "../../src/node/client/audits.ts";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import type { Auditor } from "../../src/node/client/replication/auditor.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { ReferenceMinerStub } from "../support/reference-miner-stub.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

let bench: ClientBench;
const opened: AsyncDisposable[] = [];
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});

function open(miners?: string): MemoryClient {
  const client = openEngram({
    home: bench.home,
    log: quiet,
    embedder: new TestEmbedder(),
    ...(miners ? { miners } : {}),
  });
  opened.push(client);
  return client;
}

const auditsOf = (client: MemoryClient) => client.audits as Audits;
const auditorOf = (client: MemoryClient) => client.audits as Auditor;

async function storeTwo(client: MemoryClient): Promise<readonly [secret: string, shown: string]> {
  const secret = await client.store({ items: [{ text: "Ada prefers tea" }] });
  const shown = await client.store({ items: [{ text: "the ferry leaves at noon" }], public: true });
  await client.settle();
  return [secret.stored[0]?.id ?? "", shown.stored[0]?.id ?? ""];
}

/** Takes a record from a running miner behind its back. */
async function drop(miners: TcpMiners, index: number, cid: string): Promise<void> {
  await using store = new EmbeddedVectorStore({ path: join(miners.folders[index] ?? "", "records.db") });
  const found = await store.locate(cid);
  expect(found).toHaveLength(1);
  for (const { namespace } of found) await store.delete(namespace, cid);
}

async function holds(miners: TcpMiners, index: number, cid: string): Promise<boolean> {
  await using store = new EmbeddedVectorStore({ path: join(miners.folders[index] ?? "", "records.db") });
  return (await store.locate(cid)).length === 1;
}

/** The proof of spec 3 of the public record that was ingested, for the last challenge. */
function proofFrom(requests: readonly { readonly body: string }[]): Response {
  const bodies = requests.map(({ body }) => JSON.parse(body));
  const { raw_embedding } = bodies.find((body) => body.raw_embedding !== undefined && body.namespace === undefined);
  const { nonce_hex, validator_hotkey_hex } = bodies.at(-1);
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
  return Response.json(storageProof(Float32Array.from(raw_embedding), bytes(nonce_hex), bytes(validator_hotkey_hex)));
}

const copyAt = (report: VerifyReport, miner: string) => report.copies.find((copy) => copy.miner === miner);

describe("verify", () => {
  test("proves every copy: private ones to their owner, public ones under the miner's signed root as well", async () => {
    await using miners = await TcpMiners.start(3);
    const client = open(miners.list);
    const [secret, shown] = await storeTwo(client);
    const report = await auditsOf(client).verify({ names: [secret, shown.slice(0, 12)] });
    expect(report).toMatchObject({ ok: true, counts: { held: 6 }, missing: [], uncopied: [], more: 0 });
    expect(report.copies.map(({ miner }) => miner).sort()).toEqual(
      miners.miners.flatMap(({ hotkey }) => [hotkey, hotkey]).sort(),
    );
    for (const copy of report.copies) {
      expect(copy).toMatchObject({ verdict: "held", proof: "proof2" });
      if (copy.id === secret) expect(copy).not.toHaveProperty("inclusion");
      else
        expect(copy.inclusion).toMatchObject({
          verdict: "included",
          count: 1,
          root: expect.stringMatching(/^[0-9a-f]{64}$/),
        });
    }
    // The CID of a copy names it too, and all of the home is more than these.
    const cid = copyAt(report, miners.miners[0]?.hotkey ?? "")?.cid ?? "";
    expect((await auditsOf(client).verify({ names: [cid] })).counts).toEqual({ held: 3 });
    expect((await auditsOf(client).verify({ all: true })).counts["held"]).toBeGreaterThan(6);
  });

  test("names the miner that lost a copy, and the copy comes back", async () => {
    await using miners = await TcpMiners.start(2);
    const client = open(miners.list);
    const [secret, shown] = await storeTwo(client);
    const before = await auditsOf(client).verify({ names: [secret, shown] });
    const [first, second] = miners.miners.map(({ hotkey }) => hotkey);
    for (const { cid } of before.copies.filter(({ miner }) => miner === first)) await drop(miners, 0, cid);
    const after = await auditsOf(client).verify({ names: [secret, shown] });
    expect(after).toMatchObject({ ok: false, counts: { held: 2, missing: 2 } });
    for (const copy of after.copies) expect(copy.verdict).toBe(copy.miner === second ? "held" : "missing");
    expect(after.copies.find((copy) => copy.id === shown && copy.miner === first)?.inclusion?.verdict).toBe("absent");
    await client.settle();
    expect(await auditsOf(client).verify({ names: [secret, shown] })).toMatchObject({ ok: true, counts: { held: 4 } });
  });

  test("says what it could not prove: a silent miner, a name of nothing, a memory without a copy", async () => {
    await using miners = await TcpMiners.start(2);
    const client = open(miners.list);
    const [secret] = await storeTwo(client);
    await miners.stop(0);
    const { stored } = await client.store({ items: [{ text: "stored while both were away" }] });
    await miners.stop(1);
    const late = stored[0]?.id ?? "";
    const unknown = `v1::${"0".repeat(64)}`;
    const report = await auditsOf(client).verify({ names: [secret, late, unknown, "m_aaaaaaaaaaaaaaaa"] });
    expect(report.ok).toBe(false);
    expect(report.counts["silent"]).toBeGreaterThanOrEqual(2);
    expect([...report.missing].sort()).toEqual(["m_aaaaaaaaaaaaaaaa", unknown]);
    // Nothing is concluded from silence.
    await miners.restart(0);
    await miners.restart(1);
    expect((await auditsOf(client).verify({ names: [secret] })).counts).toEqual({ held: 2 });
  });

  test("a miner of another model can only show a public record; one of the reference is not asked about private ones", async () => {
    await using stub = await ReferenceMinerStub.start({
      misbehave: (path) => {
        const cid = decodeURIComponent(path.replace("/retrieve/", ""));
        return path.startsWith("/retrieve/") ? Response.json({ cid, metadata: {} }) : undefined;
      },
    });
    const client = open(stub.entry);
    const [, shown] = await storeTwo(client);
    const report = await auditsOf(client).verify({ names: [shown] });
    expect(report.copies.map(({ verdict, proof }) => [verdict, proof])).toEqual([["shown", "none"]]);
    expect(report.ok).toBe(false);
  });

  test("without proof2 the proof of spec 3 is asked for, and private copies stay unproved", async () => {
    const { model, dim } = new TestEmbedder().profile;
    await using stub = await ReferenceMinerStub.start({
      caps: ["private1"],
      model,
      dim,
      misbehave: (path, { requests }) => (path === "/ChallengeSynapse" ? proofFrom(requests) : undefined),
    });
    const client = open(stub.entry);
    const [secret, shown] = await storeTwo(client);
    const { copies } = await auditsOf(client).verify({ names: [secret, shown] });
    const seen = Object.fromEntries(copies.map(({ id, verdict, proof }) => [id, [verdict, proof]]));
    expect(seen).toEqual({ [secret]: ["unprovable", "none"], [shown]: ["held", "proof1"] });
  });

  test("the copy in this process is proved too, and marked", async () => {
    const client = open();
    const [secret] = await storeTwo(client);
    const report = await auditsOf(client).verify({ names: [secret] });
    expect(report).toMatchObject({ ok: true, copies: [{ embedded: true, verdict: "held", proof: "proof2" }] });
  });
});

describe("the daily audit", () => {
  test("pushes again what a miner dropped, once a day, and status tells", async () => {
    await using miners = await TcpMiners.start(2);
    const client = open(miners.list);
    const [secret, shown] = await storeTwo(client);
    expect(await client.status()).not.toHaveProperty("audit");
    const { copies } = await auditsOf(client).verify({ names: [secret, shown] });
    const lost = copies.filter(({ miner }) => miner === miners.miners[0]?.hotkey).map(({ cid }) => cid);
    for (const cid of lost) await drop(miners, 0, cid);
    expect(await auditorOf(client).auditDay()).toBe(true);
    const { audit } = await client.status();
    expect(audit).toMatchObject({ counts: { missing: 2 }, repushed: 2, overdue: 0 });
    await client.settle();
    for (const cid of lost) expect(await holds(miners, 0, cid)).toBe(true);
    // Another one today looks at nothing.
    for (const cid of lost) await drop(miners, 0, cid);
    await auditorOf(client).auditDay();
    expect((await client.status()).audit).toEqual(audit);
  });

  test("runs in one of the processes that share a folder", async () => {
    await using miners = await TcpMiners.start(1);
    const [one, other] = [open(miners.list), open(miners.list)];
    await storeTwo(one);
    const ran = await Promise.all([auditorOf(one).auditDay(), auditorOf(other).auditDay()]);
    expect(ran).toContain(true);
    const status = await Promise.all([one.status(), other.status()]);
    expect(status[0]?.audit).toEqual(status[1]?.audit);
  });

  test("concludes nothing from a miner that does not answer", async () => {
    await using miners = await TcpMiners.start(1);
    const client = open(miners.list);
    await storeTwo(client);
    await miners.stop(0);
    await auditorOf(client).auditDay();
    expect((await client.status()).audit).toMatchObject({ counts: {}, repushed: 0 });
    expect((await client.status()).journal.pushes).toBe(0);
  });
});
