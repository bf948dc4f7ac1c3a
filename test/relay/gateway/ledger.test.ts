import { cp, mkdir, rename } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openWallet } from "../../../src/node/chain/wallet.ts";
import { restoreLedger, rotateKey } from "../../../src/relay/gateway/change-ledger.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { GatewayKeys } from "../../../src/relay/gateway-keys.ts";
import { type Receipt, verifyReceipt } from "../../../src/relay/receipt.ts";
import {
  RESTORE_GAP,
  type Succession,
  verifyCheckpoint,
  verifySuccessions,
} from "../../../src/relay/signed-statement.ts";
import { TestClock } from "../../support/test-clock.ts";
import { openReader, sendTo } from "../intelligence/reader-kit.ts";
import { GatewayKit, get, post, type ReplyBody } from "./gateway-kit.ts";

let kit: GatewayKit;
let folder: string;
beforeEach(async () => {
  kit = await GatewayKit.open();
  folder = kit.config().folder;
});
afterEach(() => kit[Symbol.asyncDispose]());

const never = new AbortController().signal;

/** Starts the gateway, has it accept `texts`, and stops it. */
async function accepting(
  ...texts: readonly string[]
): Promise<{ hotkey: RunningGateway["hotkey"]; receipts: Receipt[] }> {
  await using gateway = await kit.start();
  for (const text of texts) expect((await post(gateway, (await kit.inference({}, text)).text)).status).toBe(201);
  const { receipts } = await get<{ receipts: Receipt[] }>(gateway, "/v1/receipts?limit=100");
  return { hotkey: gateway.hotkey, receipts };
}

async function read(gateway: RunningGateway, hotkey: string) {
  const reader = await openReader(kit, { hotkey, fetch: sendTo(() => gateway.url) });
  const { items, refused } = await reader.read({ minAssurance: "author", limit: 100 }, never);
  return { items: items.map(({ seq }) => seq), refused: refused.map(({ problem }) => problem) };
}

describe("a checkpoint", () => {
  it("says where the chain of receipts stands, signed", async () => {
    const { hotkey, receipts } = await accepting("one", "two");
    await using gateway = await kit.start();
    const value = await get<object>(gateway, "/v1/checkpoint");
    const checkpoint = await verifyCheckpoint(value, hotkey);
    const last = receipts[1];
    expect(checkpoint).toMatchObject({
      ledger: "main",
      chain: await kit.chain.identity(),
      receipts: 2,
      head: { gateway_seq: 2, receipt_hash: last?.receipt_hash },
    });
    expect(await verifyCheckpoint({ ...value, receipts: 1 }, hotkey)).toBeNull();
    expect(await verifyCheckpoint(value, kit.stranger.hotkey)).toBeNull();
  });

  it("is held against what the gateway said before", async () => {
    await accepting("one");
    await cp(folder, `${folder}-before`, { recursive: true });
    const { hotkey } = await accepting("two");
    let told = await kit.start();
    const reader = await openReader(kit, { hotkey, fetch: sendTo(() => told.url) });
    expect((await reader.read({ minAssurance: "author" }, never)).items).toHaveLength(2);
    await told[Symbol.asyncDispose]();
    told = await kit.start({ config: { folder: `${folder}-before` } });
    await expect(reader.read({ minAssurance: "author" }, never)).rejects.toMatchObject({ code: "GATEWAY_CONTRADICTS" });
    await told[Symbol.asyncDispose]();
  });
});

describe("a new key", () => {
  it("goes on with the chain, and readers of either key follow", async () => {
    const before = await accepting("one");
    const succession = await rotateKey(folder);
    const after = await accepting("two", "three");
    expect(succession).toMatchObject({ kind: "rotate", ledger: "main", first_seq: 2 });
    expect(after.hotkey).not.toBe(before.hotkey);
    expect(after.receipts.map(({ gateway_hotkey }) => gateway_hotkey)).toEqual([
      before.hotkey,
      after.hotkey,
      after.hotkey,
    ]);
    expect(after.receipts[1]?.prev_receipt_hash).toBe(after.receipts[0]?.receipt_hash);
    await using gateway = await kit.start();
    for (const pinned of [before.hotkey, after.hotkey]) {
      expect(await read(gateway, pinned)).toEqual({ items: [1, 2, 3], refused: [] });
    }
    expect((await read(gateway, kit.stranger.hotkey)).items).toEqual([]);
  });

  it("is in charge of what comes after alone, and needs the old one's word", async () => {
    const before = await accepting("one");
    await rotateKey(folder);
    const after = await accepting("two");
    await using gateway = await kit.start();
    const { successions } = await get<{ successions: Succession[] }>(gateway, "/v1/successions");
    const checked = await verifySuccessions(successions);
    const keys = new GatewayKeys(before.hotkey, checked ?? []);
    expect([1, 2, 99].map((seq) => keys.signerOf(seq))).toEqual([before.hotkey, after.hotkey, after.hotkey]);
    const [start, rotated] = successions as [Succession, Succession];
    const alone = await verifySuccessions([start, { ...rotated, previous_signature: null }]);
    expect(new GatewayKeys(before.hotkey, alone ?? []).signerOf(2)).toBe(before.hotkey);
    for (const forged of [
      [{ ...start, first_seq: 2 }, rotated],
      [start, { ...rotated, gateway_hotkey: kit.stranger.hotkey }],
      [start, { ...rotated, previous_signature: rotated.signature }],
      [rotated],
      [],
    ]) {
      expect(await verifySuccessions(forged)).toBeNull();
    }
  });

  it("is taken by the next start when the change was killed half way", async () => {
    const before = await accepting("one");
    const { gateway_hotkey } = await rotateKey(folder);
    const [kept] = [`${folder}/identity-before-${gateway_hotkey.slice(0, 12)}`];
    // As it lay before either folder was moved, and after the first was.
    for (const isMoved of [false, true]) {
      await rename(`${folder}/identity`, `${folder}/identity-next`);
      if (!isMoved) await rename(kept, `${folder}/identity`);
      expect((await accepting(`after ${isMoved}`)).hotkey).toBe(gateway_hotkey);
    }
    expect((await openWallet(kept)).hotkey).toBe(before.hotkey);
  });
});

describe("a restored ledger", () => {
  it("has a name, signs the head it goes on from, and gives no number twice", async () => {
    await accepting("one");
    await cp(folder, `${folder}-backup`, { recursive: true });
    const lost = await accepting("two");
    await rename(folder, `${folder}-lost`);
    await rename(`${folder}-backup`, folder);
    const succession = await restoreLedger(folder, "after-the-fire");
    const { receipts, hotkey } = await accepting("three", "four");
    expect(succession).toMatchObject({ kind: "restore", previous: { gateway_seq: 1 } });
    expect(receipts.map(({ gateway_seq }) => gateway_seq)).toEqual([1, 1 + RESTORE_GAP, 2 + RESTORE_GAP]);
    expect(receipts[1]?.prev_receipt_hash).toBe(succession.statement_hash);
    expect(lost.receipts[1]?.gateway_seq).toBe(2);
    await using gateway = await kit.start();
    expect(await read(gateway, hotkey)).toEqual({ items: [1, 1 + RESTORE_GAP, 2 + RESTORE_GAP], refused: [] });
    expect(await get(gateway, "/v1/checkpoint")).toMatchObject({ ledger: "after-the-fire", receipts: 3 });
    await expect(restoreLedger(folder, "after-the-fire")).rejects.toMatchObject({ code: "LEDGER_NAME_TAKEN" });
  });

  it("under another key, when the key was lost, is followed by those alone who pin it", async () => {
    const before = await accepting("one");
    await mkdir(`${folder}-elsewhere`);
    await rename(`${folder}/identity`, `${folder}-elsewhere/identity`);
    await expect(kit.start()).rejects.toMatchObject({ code: "GATEWAY_KEY_CHANGED" });
    await restoreLedger(folder, "new-key");
    const after = await accepting("two");
    await using gateway = await kit.start();
    expect(await read(gateway, after.hotkey)).toMatchObject({ items: [1 + RESTORE_GAP] });
    expect(await read(gateway, before.hotkey)).toMatchObject({ items: [1] });
  });
});

it("bodies are dropped when they were kept long enough, receipts never", async () => {
  const clock = new TestClock(Date.now());
  const hour = 3_600_000;
  let turns = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.sleep = async (ms, signal) => {
    // The sweep's: whoever pushes to webhooks sleeps, too.
    const isSweep = ms === 60_000;
    if (isSweep) turns += 1;
    if (isSweep && turns === 1) await promise;
    else await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  };
  await using gateway = await kit.start({ clock, config: { keepBodiesMs: hour } });
  const { text, signedHash } = await kit.inference({}, "to be forgotten");
  const { body } = await post(gateway, text);
  clock.time += hour + 1;
  const newer = await kit.inference({}, "to be kept");
  await post(gateway, newer.text);
  resolve();
  await expect.poll(() => turns).toBe(2);
  expect(await get<ReplyBody>(gateway, `/relay/${signedHash}`)).toMatchObject({
    receipt: body.receipt,
    submission: null,
  });
  const feed = await get<{ external_intelligence: object[] }>(
    gateway,
    "/v1/external-intelligence?min_assurance=author",
  );
  expect(feed.external_intelligence).toMatchObject([{ id: newer.signedHash }]);
  const { receipts } = await get<{ receipts: Receipt[] }>(gateway, "/v1/receipts");
  expect(receipts).toHaveLength(2);
  await verifyReceipt(receipts[0], gateway.hotkey, signedHash);
  expect(await post(gateway, text)).toMatchObject({
    status: 200,
    body: { status: "duplicate", receipt: body.receipt },
  });
});
