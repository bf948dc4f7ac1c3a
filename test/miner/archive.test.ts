import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { contentId } from "../../src/crypto/content-id.ts";
import { type MinerArchive, openMinerArchive } from "../../src/node/miner/archive/miner-archive.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { ArweaveGateway } from "../support/arweave-gateway.ts";
import { MinerUnderTest, TestKey, unit } from "./miner-under-test.ts";

const key = new Secret(new URL("../support/arweave-test-key.json", import.meta.url).pathname);

let gateway: ArweaveGateway;
let miner: MinerUnderTest;
let archive: MinerArchive;
beforeEach(async () => {
  gateway = await ArweaveGateway.start();
  miner = await MinerUnderTest.start();
  await withBudget(1_000_000);
});
afterEach(async () => {
  await archive[Symbol.asyncDispose]();
  await miner[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

async function withBudget(dailyWinston: number): Promise<void> {
  const settings = { gateway: gateway.url, key, dailyWinston };
  const opened = await openMinerArchive(miner.folder, settings, miner.deps);
  if (!opened) throw new Error("no wallet");
  archive = opened;
  miner.restart({}, { archive });
}

const owner = new TestKey();
const data = randomBytes(3_000);
const contentCid = contentId(data);

/** The CID of a public record that names this content. */
async function ingest(metadata: object = { type: "pdf", content_cid: contentCid }): Promise<string> {
  const { json } = await miner.signedPost(owner, "IngestSynapse", { raw_embedding: unit, metadata });
  return json.cid as string;
}

async function ask(cid: string, more: object = {}, sender = owner) {
  const { caller, http, miner: target } = miner.auth2(sender);
  const body = JSON.stringify({ cid, content_cid: contentCid, data: data.toString("base64"), ...more });
  const limits = { deadlineMs: 10_000, maxBytes: 10_000 };
  const { status, text } = await caller.post(http, target, "/ArchiveSynapse", body, limits);
  return { status, json: JSON.parse(text) as Record<string, string> };
}

async function checkOf(cid: string): Promise<string | undefined> {
  return (await miner.retrieve(cid)).json.archive as string | undefined;
}

describe("a miner with a wallet", () => {
  test("archives what the owner's record names, once, and says of it what the gateway shows", async () => {
    const cid = await ingest();
    expect(await checkOf(cid)).toBeUndefined();
    const first = await ask(cid);
    expect(first).toMatchObject({ status: 200, json: { content_cid: contentCid, state: "sent" } });
    expect(first.json["arweave_url"]).toBe(`${gateway.url}/${first.json["arweave_tx_id"]}`);
    expect(await ask(cid)).toEqual(first);
    gateway.mine();
    expect(gateway.paid).toEqual([first.json["arweave_tx_id"]]);
    expect(gateway.tags()).toContain(`Content-Hash=${contentCid}`);
    expect(await checkOf(cid)).toBe("verified");
    expect((await miner.call("GET", "/health")).json.caps.caps).toContain("archive1");
  });

  test("a lost answer and a restart send the same transaction", async () => {
    const cid = await ingest();
    gateway.faults.loseAnswers = 1;
    const lost = await ask(cid);
    expect(lost).toMatchObject({ status: 200, json: { state: "signed" } });
    await archive[Symbol.asyncDispose]();
    await withBudget(1_000_000);
    const found = await ask(cid);
    expect(found.json).toMatchObject({ state: "sent", arweave_tx_id: lost.json["arweave_tx_id"] });
    gateway.mine();
    expect(gateway.paid).toHaveLength(1);
  });

  test("a transaction that never came to be is signed anew a day later, three times at most", async () => {
    const cid = await ingest();
    gateway.faults.forget = true;
    const sent = new Set<string | undefined>();
    for (let day = 0; day < 3; day += 1) {
      const { json } = await ask(cid);
      expect(json).toMatchObject({ state: "sent" });
      sent.add(json["arweave_tx_id"]);
      expect(sent.size).toBe(day + 1);
      miner.clock.time += 86_300_000;
      expect((await ask(cid)).json["arweave_tx_id"]).toBe(json["arweave_tx_id"]);
      miner.clock.time += 100_000;
    }
    expect((await ask(cid)).status).toBe(503);
  });

  test("archives for the owner alone, and the record's own bytes alone", async () => {
    const cid = await ingest();
    expect((await ask(cid, {}, new TestKey())).status).toBe(404);
    expect((await ask("v1::00")).status).toBe(404);
    const other = randomBytes(10);
    expect((await ask(cid, { data: other.toString("base64") })).status).toBe(400);
    expect((await ask(cid, { content_cid: contentId(other), data: other.toString("base64") })).status).toBe(400);
    expect((await ask(cid, { data: "" })).status).toBe(400);
    expect((await miner.post("ArchiveSynapse", { cid, content_cid: contentCid, data: "" })).status).toBe(401);
    expect(gateway.held.size).toBe(0);
  });

  test("archives a private record's ciphertext for its namespace's owner, and tells others nothing of it", async () => {
    const record = { raw_embedding: unit, metadata: { _enc: "sealed" } };
    const cid = (await miner.namespacePost(owner, "garden", "IngestSynapse", record)).json.cid as string;
    const refused = await ask(cid, { namespace: "garden" }, new TestKey());
    expect(refused).toMatchObject({ status: 404, json: { _p: expect.any(String) } });
    expect(await ask("v1::00", {}, new TestKey())).toEqual(refused);
    expect((await ask(cid, { namespace: "other" })).status).toBe(404);
    expect(await ask(cid, { namespace: "garden" })).toMatchObject({ status: 200, json: { state: "sent" } });
    expect(gateway.tags().join()).not.toContain("garden");
    expect(gateway.tags()).toContain("Encrypted=true");
    expect((await miner.retrieve(cid)).status).toBe(404);
  });

  test("spends no more than its day allows", async () => {
    await archive[Symbol.asyncDispose]();
    await withBudget(100);
    expect((await ask(await ingest())).status).toBe(503);
    expect(gateway.held.size).toBe(0);
  });

  test("a record whose archived bytes are others is called so, and its own address is not called", async () => {
    const other = randomBytes(50);
    const cid = await ingest({ type: "pdf", content_cid: contentId(other) });
    const archived = await ask(cid, { content_cid: contentId(other), data: other.toString("base64") });
    gateway.mine();
    const arweave = { arweave_tx_id: archived.json["arweave_tx_id"], arweave_url: "http://127.0.0.1:9/" };
    const lying = await ingest({ type: "pdf", content_cid: contentCid, ...arweave });
    expect(await checkOf(lying)).toBe("mismatch");
    expect(await checkOf(await ingest({ content_cid: contentCid, arweave_tx_id: "A".repeat(43) }))).toBe("unavailable");
    gateway.faults.mangle = true;
    const mangled = await ingest({ type: "page", content_cid: contentId(other), ...arweave });
    expect(await checkOf(mangled)).toBe("mismatch");
  });

  test("asks the gateway once, however often a record is retrieved", async () => {
    const cid = await ingest();
    await ask(cid);
    gateway.mine();
    await checkOf(cid);
    const before = gateway.requests.length;
    for (let round = 0; round < 20; round++) expect(await checkOf(cid)).toBe("verified");
    expect(gateway.requests).toHaveLength(before);
  });

  test("without a wallet there is no such route, and nothing is said of archived content", async () => {
    miner.restart();
    const cid = await ingest({ content_cid: contentCid, arweave_tx_id: "A".repeat(43) });
    expect((await ask(cid).catch(() => ({ status: 404 }))).status).toBe(404);
    expect(await checkOf(cid)).toBeUndefined();
    expect((await miner.call("GET", "/health")).json.caps.caps).not.toContain("archive1");
  });
});

test("where stake is asked for, strangers spend none of the operator's money", async () => {
  const cid = await ingest();
  miner.restart({ minIngestStakeTao: 1 }, { archive });
  expect(await ask(cid)).toMatchObject({ status: 403 });
  const neuron = { uid: 7, hotkey: owner.hotkey, coldkey: owner.hotkey, endpoint: null, incentive: 0 };
  miner.chain.neurons = [{ ...neuron, stakeTao: 0.5, validatorPermit: false }];
  miner.restart({ minIngestStakeTao: 1 }, { archive });
  expect(await ask(cid)).toMatchObject({ status: 403 });
  miner.chain.neurons = [{ ...neuron, stakeTao: 1, validatorPermit: false }];
  miner.restart({ minIngestStakeTao: 1 }, { archive });
  expect(await ask(cid)).toMatchObject({ status: 200 });
});
