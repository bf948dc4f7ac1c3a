import { readFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { shownName } from "../../src/crypto/namespace-name.ts";
import { sealedVector } from "../../src/crypto/sealed-vector.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { openWallet } from "../../src/node/chain/wallet.ts";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { type OpenClientOptions, walletFolder } from "../../src/node/client/open-client.ts";
import { MinerClient } from "../../src/node/client/replication/miner-client.ts";
import { parseMinerList } from "../../src/node/client/replication/miner-list.ts";
import { accessWith, namespaceAccess } from "../../src/node/client/replication/namespace-access.ts";
import { openRecord, sealRecords } from "../../src/node/client/replication/private-record.ts";
import { restore } from "../../src/node/client/replication/restore.ts";
import { RequestSigner } from "../../src/node/client/replication/signer.ts";
import { GrantCalls } from "../../src/node/client/sharing/grant-calls.ts";
import { openLetter, sealedIn } from "../../src/node/client/sharing/letter.ts";
import type { Sharing } from "../../src/node/client/sharing/sharing.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import { Auth2Caller } from "../../src/node/protocol/auth2-caller.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import type { Secret } from "../../src/node/runtime/secret.ts";
import { ClientBench } from "../support/client-bench.ts";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest } from "../support/mcp-server.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

const sr25519 = await loadSr25519();
/** All that owner, readers and miners log, at every level. */
let logged = "";
const write = (line: string) => {
  logged += line;
};
const log = pino({ level: "trace" }, { write });
const seen: string[] = [];

let bench: ClientBench;
let miners: TcpMiners;
let owner: MemoryClient;
const opened: AsyncDisposable[] = [];
beforeAll(async () => {
  bench = await ClientBench.make();
  miners = await TcpMiners.start(3, log);
  owner = open("owner");
  await owner.store({ namespace: "team", items: [{ text: "the red kettle whistles at noon" }, { text: LONG }] });
  await owner.store({ namespace: "diary", items: [{ text: "nobody else reads this page" }] });
  await owner.settle();
}, 120_000);
afterAll(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  await miners[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
}, 60_000);

const LONG = `${"Many words about nothing in particular fill these pages. ".repeat(120)}The zeppelin landed in Reykjavik.`;

const homeOf = (name: string) => join(bench.home, "..", name);

function open(name: string, options: Partial<OpenClientOptions> & { readonly miners?: string } = {}): MemoryClient {
  const client = openEngram({ home: homeOf(name), log, embedder: new TestEmbedder(), miners: miners.list, ...options });
  opened.push(client);
  return client;
}

function sharingOf(client: MemoryClient): Sharing {
  if (!client.sharing) throw new Error("this client knows no miners");
  return client.sharing;
}

async function invited(reader: MemoryClient, namespace = "team", seconds?: number) {
  const { address } = await sharingOf(reader).address();
  const invitation = await sharingOf(owner).invite({ namespace, to: address, ...(seconds && { seconds }) });
  seen.push(invitation.code);
  return invitation;
}

const textsOf = async (client: MemoryClient, namespace: string) =>
  (await client.list({ namespace })).items.map(({ text }) => text).sort();

/** What a wallet can do at the miners with the letter in a code, whatever its own client would let it. */
async function atMiners(home: string, code: string) {
  const wallet = await openWallet(walletFolder(homeOf(home)));
  const letter = openLetter(sr25519, wallet, sealedIn(code));
  const http = createHttpClient();
  const calls = new GrantCalls({ http, caller: new Auth2Caller({ signer: wallet, sr25519, clock: systemClock }) });
  const signal = AbortSignal.timeout(60_000);
  const list = (miner: (typeof letter.miners)[number], grant = letter.grant) =>
    calls.lister(miner, grant).list({ namespace: grant.namespace, limit: 200 }, { signal });
  const caller = new Auth2Caller({ signer: wallet, sr25519, clock: systemClock });
  const query = (miner: (typeof letter.miners)[number]) =>
    caller.post(
      http,
      miner,
      "/QuerySynapse",
      JSON.stringify({ namespace: letter.grant.namespace, grant: letter.grant, query_text: "kettle", top_k: 5 }),
      { deadlineMs: 10_000, maxBytes: 1_000_000, signal },
    );
  return { wallet, letter, calls, list, query, http, signal };
}

test("a reader joins by a code, recalls from an index of its own, and may not write", async () => {
  const reader = open("reader");
  const { code, grant, reader: hotkey } = await invited(reader);
  const joined = await sharingOf(reader).join({ code });
  expect(joined).toMatchObject({ namespace: "team", memories: 2, miners: 3, grant });
  await reader.settle();
  const { hits } = await reader.query({ query: "when does the kettle whistle" });
  expect(hits[0]).toMatchObject({ text: "the red kettle whistles at noon", namespace: "team", tier: "shared" });
  expect(hits[0]?.owner).toBe(joined.owner);
  expect((await reader.query({ query: "zeppelin Reykjavik", namespaces: ["team"] })).hits[0]?.text).toBe(LONG);
  expect((await reader.namespaces()).find(({ name }) => name === "team")).toMatchObject({ owner: joined.owner });
  expect((await owner.namespaces()).find(({ name }) => name === "team")).toMatchObject({ readers: 1 });
  expect(await sharingOf(owner).grants()).toMatchObject([{ grant, reader: hotkey, namespace: "team", state: "valid" }]);

  const id = hits[0]?.id ?? "";
  const refused = { code: "NAMESPACE_READ_ONLY" };
  await expect(reader.store({ namespace: "team", items: [{ text: "mine" }] })).rejects.toMatchObject(refused);
  await expect(reader.delete({ ids: [id] })).rejects.toMatchObject(refused);
  await expect(reader.delete({ namespace: "team" })).rejects.toMatchObject(refused);
  await expect(reader.keyShares?.split({ namespace: "team" })).rejects.toMatchObject(refused);
  const { address } = await sharingOf(open("somebody")).address();
  await expect(sharingOf(reader).invite({ namespace: "team", to: address })).rejects.toMatchObject(refused);
  // Nothing of it is on its way to a miner.
  expect((await reader.status()).journal).toMatchObject({ pushes: 0, deletes: 0 });

  // Once.
  await expect(sharingOf(reader).join({ code })).rejects.toMatchObject({ code: "INVITATION_USED" });
  expect(await textsOf(owner, "team")).toHaveLength(2);
});

test("a model sees what is shared and by whom, reads it, and cannot store into it", async () => {
  const reader = open("reader");
  const { hotkey } = await owner.status();
  await using server = await serveForTest({ openClient: async () => reader });
  await using session = await connect(server, "auto");
  const shown = await session.call("engram_namespaces");
  expect(shown.data).toMatchObject({
    namespaces: expect.arrayContaining([expect.objectContaining({ name: "team", role: "reader", owner: hotkey })]),
  });
  const found = await session.call("engram_query", { query: "kettle at noon", namespaces: ["team"], limit: 1 });
  expect(found.data).toMatchObject({ hits: [expect.objectContaining({ tier: "shared", owner: hotkey })] });
  const refused = await session.call("engram_store", { text: "mine", namespace: "team" });
  expect(refused.isError).toBe(true);
  expect(refused.text).toContain("NAMESPACE_READ_ONLY");
});

test("what the owner stores and forgets later reaches the reader by itself", async () => {
  const reader = open("follower");
  await sharingOf(reader).join({ code: (await invited(reader)).code });
  const { stored } = await owner.store({ namespace: "team", items: [{ text: "a ferry leaves at dawn" }] });
  await owner.settle();
  await sharingOf(reader).sync();
  expect(await textsOf(reader, "team")).toContain("a ferry leaves at dawn");
  await owner.delete({ ids: [stored[0]?.id ?? ""] });
  await owner.settle();
  await sharingOf(reader).sync();
  expect(await textsOf(reader, "team")).not.toContain("a ferry leaves at dawn");
  expect(await textsOf(reader, "team")).toHaveLength(2);
  // In another process, too, which has read nothing before.
  const again = open("follower");
  await sharingOf(again).sync();
  expect(await textsOf(again, "team")).toHaveLength(2);
});

/** Puts a record of the owner's at a miner that its own client would never write. */
async function writtenByHand(kind: "memory" | "tombstone", id: string, content: Record<string, unknown>) {
  const wallet = await openWallet(walletFolder(homeOf("owner")));
  const name = shownName("trap");
  const access = namespaceAccess(wallet.memoryRoot.reveal(), { name, epoch: 0, plainName: false });
  const [record] = sealRecords(access, kind, id, content);
  const [miner] = parseMinerList(miners.list);
  if (!record || !miner) throw new Error("there is a record and a miner");
  const client = new MinerClient({ miner, http: createHttpClient(), signer: new RequestSigner(wallet, systemClock) });
  const { dim } = new TestEmbedder().profile;
  const raw_embedding = [...sealedVector(access.vectorSecret, record.recordId, dim)];
  const body = { raw_embedding, metadata: JSON.parse(record.metadata), noise: false };
  const { text } = await client.ingest(JSON.stringify(body), access.wireName);
  expect(JSON.parse(text)).toMatchObject({ error: null });
}

test("what an owner writes on purpose breaks nothing at the reader, nor forgets what came in place of another", async () => {
  const { stored } = await owner.store({ namespace: "trap", items: [{ text: "the well is dry" }] });
  const { id: old = "" } = stored[0] ?? {};
  const { stored: newer } = await owner.store({
    namespace: "trap",
    items: [{ text: "the well is full" }],
    replaces: old,
  });
  await owner.store({ namespace: "zoo", items: [{ text: "the bear sleeps" }] });
  await owner.settle();
  const reader = open("trapped");
  await sharingOf(reader).join({ code: (await invited(reader, "trap")).code });
  await sharingOf(reader).join({ code: (await invited(reader, "zoo")).code });
  const database = new Database(join(homeOf("trapped"), "memory.db"), { readonly: true });
  const rowOf = database.prepare("SELECT row FROM memory WHERE id = ?").pluck();
  const row = rowOf.get(newer[0]?.id);
  expect(row).toBeTypeOf("number");

  const memory = { text: "mine", metadata: {}, session: "s", seq: 1, at: 1, created: 1 };
  await writtenByHand("memory", "m_abcdefghijklmnop", { ...memory, at: 9e15 });
  await writtenByHand("memory", "../../sign-out", memory);
  // The beginnings of several ids, and of one that is still there.
  await writtenByHand("memory", "m_aaaaaaaaaaaaaaaa", { ...memory, text: "one" });
  await writtenByHand("memory", "m_aaaaaaaaaaaaaaab", { ...memory, text: "two" });
  await sharingOf(reader).sync();
  await writtenByHand("tombstone", "m_aaaaaaaa", { cids: [], at: 1 });
  await writtenByHand("tombstone", newer[0]?.id.slice(0, 12) ?? "", { cids: [], at: 1 });
  await owner.store({ namespace: "zoo", items: [{ text: "the bear woke up" }] });
  await owner.settle();
  // Another process, which reads all of it anew.
  const again = open("trapped");
  await sharingOf(again).sync();
  expect(await textsOf(again, "trap")).toEqual(["one", "the well is full", "two"]);
  expect(await textsOf(again, "zoo")).toContain("the bear woke up");
  expect(rowOf.get(newer[0]?.id)).toBe(row);
  database.close();
});

test("a stolen code opens nothing, nor does its grant at the miners", async () => {
  const reader = open("robbed");
  const { code } = await invited(reader);
  const thief = open("thief");
  await expect(sharingOf(thief).join({ code })).rejects.toMatchObject({ code: "INVITATION_INVALID" });
  expect(await thief.namespaces()).toEqual([]);
  const { letter } = await atMiners("robbed", code);
  const wallet = await openWallet(walletFolder(homeOf("thief")));
  const calls = new GrantCalls({
    http: createHttpClient(),
    caller: new Auth2Caller({ signer: wallet, sr25519, clock: systemClock }),
  });
  const [miner] = letter.miners;
  const ask = (grant: typeof letter.grant) =>
    miner && calls.lister(miner, grant).list({ namespace: grant.namespace, limit: 10 });
  await expect(ask(letter.grant)).rejects.toMatchObject({ code: "GRANT_REFUSED" });
  await expect(ask({ ...letter.grant, reader: wallet.hotkey })).rejects.toMatchObject({ code: "GRANT_REFUSED" });
  // The robbed reader can still use it, and another code for another wallet is not theirs.
  expect(await sharingOf(reader).join({ code })).toMatchObject({ memories: 2 });
});

test("an address that is no reader's own word is refused, and so is what cannot be shared", async () => {
  const { address, hotkey } = await sharingOf(open("addressed")).address();
  const invite = (to: string, namespace = "team") => sharingOf(owner).invite({ namespace, to });
  const last = address.at(-8) === "A" ? "B" : "A";
  for (const bad of [hotkey, `${address.slice(0, -8)}${last}${address.slice(-7)}`, "engram-reader-", "x"]) {
    await expect(invite(bad)).rejects.toMatchObject({ code: "READER_ADDRESS" });
  }
  await expect(invite((await sharingOf(owner).address()).address)).rejects.toMatchObject({ code: "READER_ADDRESS" });
  await expect(invite(address, "nothing")).rejects.toMatchObject({ code: "NAMESPACE_UNKNOWN" });
  await expect(invite(address, "public")).rejects.toMatchObject({ code: "NAMESPACE_RESERVED" });
  await owner.createNamespace({ name: "field", remoteSearch: true });
  await expect(invite(address, "field")).rejects.toMatchObject({ code: "NAMESPACE_NOT_SHARED" });
});

test("an expired code, an expired grant and a damaged code are refused", async () => {
  const reader = open("late");
  const { code } = await invited(reader, "team", 3_600);
  const later = (ms: number) => ({ ...systemClock, now: () => Date.now() + ms, sleep: systemClock.sleep });
  const joining = (ms: number) => sharingOf(open("late", { clock: later(ms) }));
  const expired = { code: "INVITATION_EXPIRED" };
  await expect(joining(2 * 3_600_000).join({ code })).rejects.toMatchObject(expired);
  const long = (await invited(reader, "team", 30 * 86_400)).code;
  await expect(joining(8 * 86_400_000).join({ code: long })).rejects.toMatchObject(expired);
  for (const bad of [`${code.slice(0, -6)}AAAAAA`, code.slice(0, 200), "hello"]) {
    await expect(sharingOf(reader).join({ code: bad })).rejects.toMatchObject({ code: "INVITATION_INVALID" });
  }
  expect(await reader.namespaces()).toEqual([]);
});

test("a join that was cut off goes on with the same code, here or in another process", async () => {
  const reader = open("cut");
  const { code } = await invited(reader);
  // The namespace is there and its records are not: the process ends in between.
  for (const index of [0, 1, 2]) await miners.stop(index);
  expect(await sharingOf(reader).join({ code })).toMatchObject({ memories: 0, miners: 0 });
  for (const index of [0, 1, 2]) await miners.restart(index);
  await reader[Symbol.asyncDispose]();
  const next = open("cut");
  expect(await sharingOf(next).join({ code })).toMatchObject({ memories: 2, namespace: "team" });
  await expect(sharingOf(next).join({ code })).rejects.toMatchObject({ code: "INVITATION_USED" });
});

test("a name that is taken here gives way, and the default one is never another's", async () => {
  await owner.store({ namespace: "main", items: [{ text: "the owner's main memory" }] });
  await owner.settle();
  const reader = open("namesake");
  await reader.store({ namespace: "team", items: [{ text: "my own team" }] });
  const { hotkey } = await owner.status();
  expect(await sharingOf(reader).join({ code: (await invited(reader)).code })).toMatchObject({
    namespace: `team@${hotkey.slice(0, 8)}`,
  });
  const main = (await invited(reader, "main")).code;
  await expect(sharingOf(reader).join({ code: main, as: "team" })).rejects.toMatchObject({ code: "NAMESPACE_EXISTS" });
  await expect(sharingOf(reader).join({ code: main, as: "main" })).rejects.toMatchObject({ code: "NAMESPACE_EXISTS" });
  expect(await sharingOf(reader).join({ code: main })).toMatchObject({ namespace: `main@${hotkey.slice(0, 8)}` });
  await reader.store({ items: [{ text: "goes to my main" }] });
  expect(await textsOf(reader, "main")).toEqual(["goes to my main"]);
  await sharingOf(reader).leave(`main@${hotkey.slice(0, 8)}`);
  expect((await reader.namespaces()).map(({ name }) => name)).not.toContain(`main@${hotkey.slice(0, 8)}`);
  await expect(sharingOf(reader).join({ code: main })).rejects.toMatchObject({ code: "INVITATION_USED" });
});

test("a revoked reader gets nothing new from miners and opens nothing new; who stays reads on", async () => {
  const [staying, leaving] = [open("staying"), open("leaving")];
  const codes = { staying: (await invited(staying)).code, leaving: (await invited(leaving)).code };
  await sharingOf(staying).join({ code: codes.staying });
  await sharingOf(leaving).join({ code: codes.leaving });
  const { hotkey } = await leaving.status();
  // One miner is away meanwhile: it is told later.
  await miners.stop(2);
  const revoked = await sharingOf(owner).revoke({ namespace: "team", reader: hotkey });
  expect(revoked).toMatchObject({ epoch: 1, ended: [expect.any(String)], waiting: [miners.miners[2]?.hotkey] });
  expect(revoked.told).toHaveLength(2);
  await miners.restart(2);
  await owner.store({ namespace: "team", items: [{ text: "grandmother hides plums in the attic" }] });
  await sharingOf(owner).sync();
  await owner.settle();

  const { letter, list, query, http, signal, wallet } = await atMiners("leaving", codes.leaving);
  expect(letter.miners).toHaveLength(3);
  for (const miner of letter.miners) {
    await expect(list(miner)).rejects.toMatchObject({ code: "GRANT_REFUSED" });
    expect((await query(miner)).status).toBe(403);
    const client = new MinerClient({ miner, http, signer: new RequestSigner(wallet, systemClock) });
    expect((await client.list({ namespace: letter.grant.namespace, limit: 10 }, { signal })).records).toEqual([]);
  }
  // Old secrets open the old records, and not the new one, however one comes by its bytes.
  const known = letter.secrets.reveal();
  // Whoever leaves derives from what they were given whatever can be derived of it, keys of later epochs too.
  const access = accessWith(letter.grant.namespace, [...known, ...known, ...known]);
  const [first] = parseMinerList(miners.list);
  if (!first) throw new Error("there is a miner");
  const ownerWallet = await openWallet(walletFolder(homeOf("owner")));
  const own = new MinerClient({ miner: first, http, signer: new RequestSigner(ownerWallet, systemClock) });
  const { records } = await own.list({ namespace: letter.grant.namespace, limit: 200 }, { signal });
  const unread = records.filter(({ metadata }) => {
    try {
      openRecord(access, String(metadata.get("_enc")));
      return false;
    } catch {
      return true;
    }
  });
  expect(unread).toHaveLength(1);
  for (const { cid } of unread) expect(await own.retrieve(cid, { signal })).toBeUndefined();

  await sharingOf(leaving).sync();
  expect(await textsOf(leaving, "team")).toHaveLength(2);
  await sharingOf(staying).sync();
  expect(await textsOf(staying, "team")).toContain("grandmother hides plums in the attic");
  expect(await textsOf(staying, "team")).toHaveLength(3);
  expect((await sharingOf(owner).grants()).find(({ reader }) => reader === hotkey)).toMatchObject({ state: "ended" });

  // The owner's next machine goes on in the new epoch and reads both.
  await owner.settle();
  const { phrase } = ownerWallet;
  const home = homeOf("restored");
  await restore({ home, phrase: phrase as Secret<string>, miners: miners.list, embedder: new TestEmbedder() });
  expect(await textsOf(open("restored"), "team")).toHaveLength(3);
  const database = new Database(join(home, "memory.db"), { readonly: true });
  expect(database.prepare("SELECT epoch FROM namespace WHERE name = 'team'").pluck().get()).toBe(1);
  database.close();
  // It knows no grants, and leaves the letters of those who stay where they are.
  await sharingOf(open("restored")).sync();
  const { calls } = await atMiners("staying", codes.staying);
  for (const miner of letter.miners) {
    expect(await calls.letter(miner, letter.grant.namespace, signal)).toMatchObject({ epoch: 1 });
  }

  // A new code lets the reader in again.
  await sharingOf(leaving).join({ code: (await invited(leaving)).code });
  expect(await textsOf(leaving, "team")).toHaveLength(3);
});

test("a namespace that was ended and is used again is not for those who read it before", async () => {
  await owner.store({ namespace: "fair", items: [{ text: "the carousel turns left" }] });
  await owner.settle();
  const reader = open("visitor");
  const { code } = await invited(reader, "fair");
  await sharingOf(reader).join({ code });
  await owner.delete({ namespace: "fair" });
  expect(await sharingOf(owner).end("fair")).toMatchObject({ miners: expect.any(Array), waiting: [] });
  expect((await sharingOf(owner).grants()).find((one) => one.namespace === "fair")).toMatchObject({ state: "ended" });
  await owner.store({ namespace: "fair", items: [{ text: "the ghost train is new" }] });
  await owner.settle();
  const { letter, list } = await atMiners("visitor", code);
  for (const miner of letter.miners) {
    const found = await list(miner).catch((error: { code: string }) => error.code);
    expect(found === "GRANT_REFUSED" || (typeof found !== "string" && found.records.length === 0)).toBe(true);
  }
  await sharingOf(reader).sync();
  expect(await textsOf(reader, "fair")).not.toContain("the ghost train is new");
});

test("no code and no secret is in what is logged, shown, or stored in clear", async () => {
  const wallet = await openWallet(walletFolder(homeOf("owner")));
  const { namespaceSecret } = await import("../../src/crypto/keys.ts");
  const { shownName } = await import("../../src/crypto/namespace-name.ts");
  const secrets = [0, 1].map((epoch) => namespaceSecret(wallet.memoryRoot.reveal(), shownName("team"), epoch));
  const forms = secrets.flatMap((secret) =>
    ["hex", "base64", "base64url"].map((form) => Buffer.from(secret).toString(form as "hex")),
  );
  const shown = JSON.stringify([
    ...(await Promise.all(opened.map(async (one) => (one as MemoryClient).namespaces().catch(() => [])))),
    await sharingOf(owner).grants(),
    await owner.status(),
  ]);
  const stored = await readFile(join(homeOf("staying"), "memory.db"), "latin1");
  expect(logged.length).toBeGreaterThan(1_000);
  for (const form of forms) for (const place of [logged, shown, stored]) expect(place).not.toContain(form);
  expect(seen.length).toBeGreaterThan(5);
  for (const code of seen) for (const place of [logged, shown]) expect(place).not.toContain(code.slice(20, 80));
});
