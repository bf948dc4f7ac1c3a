import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openEnvelope } from "../../src/crypto/envelope.ts";
import { namespaceSecret } from "../../src/crypto/keys.ts";
import { shownName } from "../../src/crypto/namespace-name.ts";
import { importPhrase, openWallet } from "../../src/node/chain/wallet.ts";
import type { KeyShares } from "../../src/node/client/key-shares/key-shares.ts";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { openMemoryClient, walletFolder } from "../../src/node/client/open-client.ts";
import { parseMinerList } from "../../src/node/client/replication/miner-list.ts";
import { openReplication } from "../../src/node/client/replication/open-replication.ts";
import { createHttpClient, type Fetch } from "../../src/node/runtime/http-client.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { keptShares, makeLie, shareKeysIn } from "../support/lying-holder.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

let bench: ClientBench;
const opened: AsyncDisposable[] = [];
const lines: string[] = [];
const recording = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) });

beforeEach(async () => {
  bench = await ClientBench.make();
  lines.length = 0;
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});

interface OpenOptions {
  readonly home?: string;
  /** Stands between the client and the miners. */
  readonly send?: Fetch;
}

function open(miners: TcpMiners, { home = bench.home, send }: OpenOptions = {}): MemoryClient {
  const http = send ? { http: createHttpClient(send) } : {};
  const replication = openReplication({ miners: parseMinerList(miners.list), ...http });
  const client = openMemoryClient({ home, log: recording, embedder: new TestEmbedder(), replication });
  opened.push(client);
  return client;
}

function keys(client: MemoryClient): KeyShares {
  if (!client.keyShares) throw new Error("this client knows no miners");
  return client.keyShares;
}

/** Another home of the same owner. */
async function secondHome(): Promise<string> {
  const home = join(bench.home, "..", "second");
  const { phrase } = await openWallet(walletFolder(bench.home));
  await importPhrase(walletFolder(home), phrase ?? new Secret(""));
  return home;
}

async function epochsIn(miners: TcpMiners): Promise<readonly number[]> {
  return (await Promise.all(miners.folders.map(keptShares))).flat().map(({ epoch }) => epoch);
}

async function secretOf(name: string): Promise<Uint8Array> {
  const { memoryRoot } = await openWallet(walletFolder(bench.home));
  return namespaceSecret(memoryRoot.reveal(), shownName(name));
}

/** Every spelling that bytes could leak in. */
function spellings(bytes: Uint8Array): readonly Buffer[] {
  const buffer = Buffer.from(bytes);
  const texts = [buffer.toString("hex"), buffer.toString("base64"), buffer.toString("base64url"), [...bytes].join(",")];
  return [buffer, ...texts.map((text) => Buffer.from(text)), Buffer.from(buffer.toString("hex").toUpperCase())];
}

async function filesBelow(folder: string): Promise<readonly Buffer[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name))),
  );
}

describe("a key split among five miners, three needed", () => {
  test("comes back with two that lie; with three the answer is an error, never a wrong key", async () => {
    await using miners = await TcpMiners.start(5, recording);
    const client = open(miners);
    const split = await keys(client).split({ threshold: 3 });
    expect(split).toMatchObject({ namespace: "main", epoch: 1, threshold: 3, total: 5, stored: 5, complete: true });
    expect(split).toMatchObject({ independent: false, why: expect.stringContaining("simulated") });

    await makeLie(miners, 0);
    await makeLie(miners, 3);
    const found = await keys(client).recover({});
    expect(found).toMatchObject({ fingerprint: split.fingerprint, valid: 3, threshold: 3, key: "held" });
    expect(found.holders.map(({ answer }) => answer)).toEqual(["lied", "share", "share", "lied", "share"]);

    await makeLie(miners, 4);
    await expect(keys(client).recover({})).rejects.toMatchObject({
      code: "KEY_SHARES_TOO_FEW",
      message: expect.stringContaining("2 valid of 3"),
    });
    // A miner that is away is no liar, and no share either.
    await miners.stop(1);
    await expect(keys(client).recover({})).rejects.toMatchObject({ code: "KEY_SHARES_TOO_FEW" });
  });

  test("comes back after every miner was restarted, into another home, in a file of its owner alone", async () => {
    await using miners = await TcpMiners.start(3);
    const first = open(miners);
    await first.store({ items: [{ text: "the garden gate" }], namespace: "garden" });
    const { wireName, fingerprint } = await keys(first).split({ namespace: "garden" });
    for (const index of [0, 1, 2]) {
      await miners.stop(index);
      await miners.restart(index);
    }
    const home = await secondHome();
    const second = open(miners, { home });
    const saved = await keys(second).recover({ wireName });
    expect(saved).toMatchObject({ wireName, fingerprint, key: "saved" });
    const file = saved.file ?? "";
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const content = JSON.parse(await readFile(file, "utf8"));
    expect(content.secret).toBe(Buffer.from(await secretOf("garden")).toString("hex"));
    expect(JSON.stringify(saved)).not.toContain(content.secret);
    // Again is no harm; another key that is there already is never overwritten.
    expect(await keys(second).recover({ wireName })).toMatchObject({ key: "saved" });
    const other = JSON.stringify({ ...content, secret: "00".repeat(32) });
    await chmod(file, 0o600);
    await writeFile(file, other);
    await expect(keys(second).recover({ wireName })).rejects.toMatchObject({ code: "KEY_DIFFERS" });
    expect(await readFile(file, "utf8")).toBe(other);
    // By its shown name the wallet gives the key itself: nothing is written.
    expect(await keys(second).recover({ namespace: "garden" })).toMatchObject({ key: "held", fingerprint });
  });

  test("leaves no secret byte in results, logs, or files of miners", async () => {
    await using miners = await TcpMiners.start(3, recording);
    const client = open(miners);
    const results = [await keys(client).split({}), await keys(client).recover({}), await keys(client).status()];
    for (const index of [0, 1, 2]) await miners.stop(index);
    const secrets = [await secretOf("main")];
    for (const folder of miners.folders) {
      const { privateKey } = await shareKeysIn(folder);
      const kept = await keptShares(folder);
      expect(kept).toHaveLength(1);
      secrets.push(...kept.map(({ sealed }) => openEnvelope(sealed, privateKey)));
    }
    expect(new Set(secrets.map((secret) => Buffer.from(secret).toString("hex"))).size).toBe(4);
    const needles = secrets.flatMap(spellings);
    const leaks = (place: Buffer) => needles.filter((needle) => place.includes(needle)).length;
    expect(leaks(Buffer.from(JSON.stringify(results)))).toBe(0);
    expect(leaks(Buffer.from(lines.join("\n")))).toBe(0);
    for (const folder of miners.folders) {
      expect((await filesBelow(folder)).reduce((sum, file) => sum + leaks(file), 0)).toBe(0);
    }
    // The same search finds each spelling where it is.
    expect(needles.map((needle) => leaks(Buffer.concat([Buffer.from("…"), needle])) > 0)).not.toContain(false);
  });
});

describe("splitting again", () => {
  test("makes new shares of a higher epoch and drops the old ones", async () => {
    await using miners = await TcpMiners.start(3);
    const client = open(miners);
    expect(await keys(client).split({})).toMatchObject({ epoch: 1, threshold: 3, total: 3 });
    expect(await keys(client).split({ threshold: 2 })).toMatchObject({ epoch: 2, threshold: 2, complete: true });
    expect(await keys(client).recover({})).toMatchObject({ epoch: 2, threshold: 2, valid: 3 });
    expect(await keys(client).status()).toMatchObject([
      { namespace: "main", split: { epoch: 2, complete: true, holders: [{}, {}, {}].map(() => expect.any(String)) } },
    ]);
    // A home that knows nothing asks the miners first.
    const second = open(miners, { home: await secondHome() });
    expect(await keys(second).status()).toEqual([{ namespace: "main", split: null }]);
    expect(await keys(second).split({})).toMatchObject({ epoch: 3 });
    for (const index of [0, 1, 2]) await miners.stop(index);
    expect(await epochsIn(miners)).toEqual([3, 3, 3]);
  });

  test("that is cut off leaves the split before whole", async () => {
    await using miners = await TcpMiners.start(5);
    const first = open(miners);
    const { fingerprint } = await keys(first).split({ threshold: 4 });
    let deposits = 0;
    const failing = open(miners, {
      send: (request) => {
        if (request.url.endsWith("/KeyShareSynapse") && ++deposits > 3) {
          return new Response('{"error": "full"}', { status: 507 });
        }
        return fetch(request);
      },
    });
    await expect(keys(failing).split({ threshold: 4 })).rejects.toMatchObject({ code: "KEY_SPLIT_INCOMPLETE" });
    expect(await keys(first).recover({})).toMatchObject({ epoch: 1, valid: 5, fingerprint });
    expect(await keys(first).status()).toMatchObject([{ split: { epoch: 2, complete: false } }]);
    expect(await keys(first).split({ threshold: 4 })).toMatchObject({ epoch: 3, complete: true });
    for (const index of [0, 1, 2, 3, 4]) await miners.stop(index);
    expect(await epochsIn(miners)).toEqual([3, 3, 3, 3, 3]);
  });

  test("with fewer holders takes the old shares from those that are none any more", async () => {
    await using miners = await TcpMiners.start(3);
    const client = open(miners);
    await keys(client).split({});
    const holders = miners.miners.slice(0, 2).map(({ hotkey }) => hotkey);
    expect(await keys(client).split({ holders })).toMatchObject({ epoch: 2, threshold: 2, total: 2 });
    for (const index of [0, 1, 2]) await miners.stop(index);
    expect((await Promise.all(miners.folders.map(keptShares))).map((kept) => kept.length)).toEqual([1, 1, 0]);
  });
});

describe("shares that are renewed or taken back", () => {
  test("a refresh gives new shares of the same key, to others where a former holder is gone", async () => {
    await using miners = await TcpMiners.start(4);
    const client = open(miners);
    await expect(keys(client).refresh({})).rejects.toMatchObject({ code: "KEY_NEVER_SPLIT" });
    const holders = miners.miners.slice(0, 3).map(({ hotkey }) => hotkey);
    const first = await keys(client).split({ holders, threshold: 2 });
    await miners.stop(0);
    const again = open(miners);
    const second = await keys(again).refresh({});
    expect(second).toMatchObject({ epoch: 2, threshold: 2, total: 3, complete: true, fingerprint: first.fingerprint });
    expect(second.holders.map(({ hotkey }) => hotkey).sort()).toEqual(
      miners.miners
        .slice(1)
        .map(({ hotkey }) => hotkey)
        .sort(),
    );
    expect(await keys(again).show({})).toMatchObject({
      split: { epoch: 2, valid: 3, recoverable: true, fingerprint: first.fingerprint },
    });
    // The old share of the miner that was away fits nothing any more.
    await miners.restart(0);
    expect(await keys(open(miners)).recover({})).toMatchObject({ epoch: 2, valid: 3 });
  });

  test("a revoked key has no shares, takes no old ones again, and can be split anew, also by a restored home", async () => {
    await using miners = await TcpMiners.start(3);
    const client = open(miners);
    await keys(client).split({});
    await keys(client).split({});
    const revoked = await keys(client).revoke({});
    expect(revoked).toMatchObject({ epoch: 3, complete: true, holders: [{}, {}, {}].map(() => ({ revoked: true })) });
    await expect(keys(client).recover({})).rejects.toMatchObject({ code: "KEY_SHARES_TOO_FEW" });
    expect(await keys(client).show({})).toMatchObject({ split: null });
    expect(await keys(client).status()).toMatchObject([{ split: { revokedAt: expect.any(Number) } }]);
    await expect(keys(client).refresh({})).rejects.toMatchObject({ code: "KEY_NEVER_SPLIT" });
    const restored = keys(open(miners, { home: await secondHome() }));
    const { epoch } = await restored.split({});
    expect(epoch).toBeGreaterThan(1_000_000_000);
    expect(await keys(client).recover({})).toMatchObject({ epoch, valid: 3 });
  });
});

test("a recovered key opens the records of its namespace for reading, where the name was forgotten", async () => {
  await using miners = await TcpMiners.start(2);
  const client = open(miners);
  const { stored } = await client.store({
    namespace: "garden",
    items: ["beans in May", "leeks in June"].map((text) => ({ text, speaker: "Ada", metadata: { bed: 3 } })),
  });
  await client.settle();
  await client.delete({ ids: [stored[1]?.id ?? ""] });
  await client.settle();
  const { wireName } = await keys(client).split({ namespace: "garden" });
  const second = open(miners, { home: await secondHome() });
  await expect(keys(second).read({ wireName })).rejects.toMatchObject({ code: "KEY_NOT_SAVED" });
  expect(await keys(second).recover({ wireName })).toMatchObject({ key: "saved" });
  expect(await keys(second).read({ wireName })).toMatchObject([
    { id: stored[0]?.id, text: "beans in May", speaker: "Ada", metadata: { bed: 3 }, namespace: wireName },
  ]);
  const file = join(bench.home, "..", "second", "namespace-keys", `${wireName}.json`);
  await writeFile(file, (await readFile(file, "utf8")).replace(/"secret":"../, '"secret":"00'));
  await expect(keys(second).read({ wireName })).rejects.toMatchObject({ code: "KEY_NOT_SAVED" });
});

describe("what is refused", () => {
  test("splits without holders, with a threshold of one, of the public space or of no namespace", async () => {
    await using miners = await TcpMiners.start(2);
    const shares = keys(open(miners));
    await expect(shares.split({ threshold: 1 })).rejects.toMatchObject({ code: "THRESHOLD_INVALID" });
    await expect(shares.split({ threshold: 3 })).rejects.toMatchObject({ code: "THRESHOLD_INVALID" });
    await expect(shares.split({ namespace: "public" })).rejects.toMatchObject({ code: "PUBLIC_NAMESPACE" });
    await expect(shares.split({ namespace: "nowhere" })).rejects.toMatchObject({ code: "NAMESPACE_UNKNOWN" });
    await expect(shares.split({ holders: ["nobody"] })).rejects.toMatchObject({ code: "HOLDER_UNSUITABLE" });
    await miners.stop(1);
    await expect(shares.split({})).rejects.toMatchObject({ code: "NO_MINERS" });
    await expect(shares.recover({})).rejects.toMatchObject({ code: "KEY_SHARES_TOO_FEW" });
  });

  test("another wallet gets nothing, and says whose shares it cannot ask for", async () => {
    await using miners = await TcpMiners.start(2);
    const { wireName } = await keys(open(miners)).split({});
    const stranger = keys(open(miners, { home: join(bench.home, "..", "stranger") }));
    await expect(stranger.recover({ wireName })).rejects.toMatchObject({ code: "KEY_SHARES_TOO_FEW" });
    const { hotkey } = await openWallet(walletFolder(bench.home));
    await expect(stranger.recover({ wireName, owner: hotkey })).rejects.toMatchObject({ code: "KEY_OWNER" });
  });

  test("replies that were changed on the way count as lies, requests without their headers bring nothing", async () => {
    await using miners = await TcpMiners.start(3);
    await keys(open(miners)).split({ threshold: 2 });
    const changing = open(miners, {
      send: async (request) => {
        const reply = await fetch(request);
        if (!request.url.endsWith("/KeyShareRetrieve")) return reply;
        const text = (await reply.text()).replace('"share_index": ', '"share_index":  ');
        return new Response(text, { status: reply.status, headers: reply.headers });
      },
    });
    await expect(keys(changing).recover({})).rejects.toMatchObject({
      code: "KEY_SHARES_TOO_FEW",
      message: expect.stringContaining("none"),
    });
    const stripping = open(miners, {
      send: async (request) => {
        if (!request.url.endsWith("/KeyShareRetrieve")) return fetch(request);
        return fetch(request.url, { method: "POST", body: await request.text() });
      },
    });
    await expect(keys(stripping).recover({})).rejects.toMatchObject({ code: "KEY_SHARES_TOO_FEW" });
  });
});

test("a client without miners has no key shares", async () => {
  const client = openMemoryClient({ home: bench.home, log: quiet, embedder: new TestEmbedder() });
  opened.push(client);
  expect(client.keyShares).toBeUndefined();
});
