import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import type { KeptShare } from "../../src/node/miner/shares/share-cipher.ts";
import { shareMigrations } from "../../src/node/miner/shares/share-schema.ts";
import { openShareStore, type ShareStore } from "../../src/node/miner/shares/share-store.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";

let folder: string;
let opened: ShareStore[];
const key = new Secret(new Uint8Array(randomBytes(32)));
const owner = hotkeyOf(randomBytes(32));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-shares-"));
  opened = [];
});
afterEach(async () => {
  for (const store of opened) await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function open(with_: Secret<Uint8Array> = key): ShareStore {
  const store = openShareStore(join(folder, "shares.db"), with_);
  opened.push(store);
  return store;
}

const shareOf = (epoch: number, changed: Partial<KeptShare> = {}): KeptShare => ({
  ...{ namespace: `n${"c3".repeat(20)}`, epoch, owner, index: 7, sealed: "SEALEDENVELOPE".repeat(10) },
  ...{ manifest: `{"public_key":"${"d4".repeat(32)}"}`, manifestSignature: `0x${"e5".repeat(64)}` },
  ...changed,
});

/** Pieces of what a share says. */
const needles = ["c3c3c3c3", "SEALEDENVELOPE", "d4d4d4d4", "e5e5e5e5", owner.slice(4, 20), "public_key", 'manifest"'];

async function found(): Promise<readonly string[]> {
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name))));
  return needles.filter((needle) => files.some((file) => file.includes(needle)));
}

test("a copied file tells nothing of what is in it, and another key does not open it", async () => {
  const store = open();
  await store.call("keep", { share: shareOf(1), keepEpoch: 0 });
  await store.call("commit", { namespace: shareOf(1).namespace, owner, epoch: 1, remember: true });
  expect(await store.call("held", { namespace: shareOf(1).namespace, owner })).toEqual([shareOf(1)]);
  expect(await found()).toEqual([]);
  const thief = open(new Secret(new Uint8Array(randomBytes(32))));
  // Under another key even the names are others.
  expect(await thief.call("held", { namespace: shareOf(1).namespace, owner })).toEqual([]);
});

test("rows that were moved or changed are refused, not returned", async () => {
  const store = open();
  await store.call("keep", { share: shareOf(1), keepEpoch: 0 });
  await store.call("keep", { share: shareOf(1, { namespace: "other" }), keepEpoch: 0 });
  await store[Symbol.asyncDispose]();
  const database = new Database(join(folder, "shares.db"));
  const [one, two] = database.prepare<[], { p: Buffer; c: Buffer }>("SELECT epoch_place p, content c FROM kept").all();
  database.prepare("UPDATE kept SET content = ? WHERE epoch_place = ?").run(two?.c, one?.p);
  database.prepare("UPDATE kept SET content = ? WHERE epoch_place = ?").run(one?.c, two?.p);
  database.close();
  for (const namespace of [shareOf(1).namespace, "other"]) {
    await expect(open().call("held", { namespace, owner })).rejects.toMatchObject({ code: "SHARES_UNREADABLE" });
  }
});

test("lengths come in steps: a split among few and one among many look alike", async () => {
  const store = open();
  await store.call("keep", { share: shareOf(1, { manifest: "x".repeat(200) }), keepEpoch: 0 });
  await store.call("keep", { share: shareOf(1, { namespace: "other", manifest: "x".repeat(1_000) }), keepEpoch: 0 });
  await store[Symbol.asyncDispose]();
  const database = new Database(join(folder, "shares.db"), { readonly: true });
  const lengths = database.prepare<[], number>("SELECT DISTINCT length(content) FROM kept").pluck().all();
  database.close();
  expect(lengths).toHaveLength(1);
});

test("shares that lay in clear are encrypted at the first start, and their bytes are gone", async () => {
  const path = join(folder, "shares.db");
  const before = await openDatabase(path, { "001-shares": shareMigrations["001-shares"] ?? [] });
  const insert = before.prepare("INSERT INTO share VALUES (?, ?, ?, ?, ?, ?, ?, 1)");
  const shares = Array.from({ length: 300 }, (_, index) =>
    shareOf(index + 1, { namespace: `n${"c3".repeat(18)}_${index}` }),
  );
  for (const { namespace, epoch, owner: of, index, sealed, manifest, manifestSignature } of shares) {
    insert.run(namespace, epoch, of, index, sealed, manifest, manifestSignature);
  }
  before.close();
  expect(await found()).not.toEqual([]);
  const store = open();
  for (const share of shares.slice(0, 20)) {
    expect(await store.call("held", { namespace: share.namespace, owner })).toEqual([share]);
  }
  expect(await found()).toEqual([]);
  await store[Symbol.asyncDispose]();
  expect(await open().call("held", { namespace: shares[0]?.namespace ?? "", owner })).toEqual([shares[0]]);
});

test("a committed epoch is remembered: older shares are not taken again, by anybody's restart", async () => {
  const { namespace } = shareOf(1);
  const store = open();
  expect(await store.call("keep", { share: shareOf(3), keepEpoch: 0 })).toBe("kept");
  await store.call("commit", { namespace, owner, epoch: 4, remember: true });
  expect(await store.call("held", { namespace, owner })).toEqual([]);
  await store[Symbol.asyncDispose]();
  const again = open();
  expect(await again.call("keep", { share: shareOf(3), keepEpoch: 0 })).toBe("lower");
  expect(await again.call("keep", { share: shareOf(4), keepEpoch: 0 })).toBe("kept");
  // A lower commit takes nothing back, and another owner's word binds nobody else.
  await again.call("commit", { namespace, owner, epoch: 2, remember: true });
  const other = hotkeyOf(randomBytes(32));
  await again.call("commit", { namespace, owner: other, epoch: 9, remember: true });
  expect(await again.call("keep", { share: shareOf(3), keepEpoch: 0 })).toBe("lower");
  expect(await again.call("keep", { share: shareOf(5), keepEpoch: 0 })).toBe("kept");
});
