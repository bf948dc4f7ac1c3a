import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ArchiveSettings } from "../../src/node/archive/archive-settings.ts";
import type { ArchiveInput, Archives } from "../../src/node/client/archive/archives.ts";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { ArweaveGateway } from "../support/arweave-gateway.ts";
import { ClientBench, StandingClock } from "../support/client-bench.ts";

const keyFile = new URL("../support/arweave-test-key.json", import.meta.url).pathname;
const secret = "The cellar key hangs behind the blue lamp.";
const POLL_MS = 120_000;
const DAY_MS = 24 * 3_600_000;

let bench: ClientBench;
let gateway: ArweaveGateway;
let clock: StandingClock;
let file: string;
beforeEach(async () => {
  bench = await ClientBench.make();
  gateway = await ArweaveGateway.start();
  clock = new StandingClock();
  file = join(bench.home, "..", "cellar-notes.md");
  await writeFile(file, `# Cellar\n\n${secret}\n`);
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

function settings(more: Partial<ArchiveSettings> = {}): ArchiveSettings {
  return { gateway: gateway.url, key: new Secret(keyFile), dailyWinston: 1_000_000_000, ...more };
}

function open(more: Partial<ArchiveSettings> = {}): MemoryClient & { readonly archives: Archives } {
  return bench.open({ archive: settings(more), clock }) as MemoryClient & { readonly archives: Archives };
}

async function archive({ archives }: { readonly archives: Archives }, input: Partial<ArchiveInput> = {}) {
  return await archives.store(await archives.plan({ source: file, ...input }));
}

/** Time passes, blocks are mined, and what is due is tried. */
async function pass(client: { readonly archives: Archives }, blocks = 10): Promise<void> {
  await client.archives.settle();
  gateway.mine(blocks);
  clock.advance(POLL_MS);
  await client.archives.settle();
}

async function stateOf({ archives }: { readonly archives: Archives }, id: string) {
  return (await archives.reports(id))[0];
}

/** Whether any file below the data folder holds these bytes. */
async function onDisk(text: string): Promise<boolean> {
  for (const entry of await readdir(bench.home, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && (await readFile(join(entry.parentPath, entry.name))).includes(text)) return true;
  }
  return false;
}

describe("a file's way to the archive", () => {
  test("is remembered at once, uploaded encrypted, confirmed when it is deep enough, and read back", async () => {
    const client = open();
    const plan = await client.archives.plan({ source: file });
    expect(plan.cost).toMatchObject({ kind: "priced" });
    expect(client.archives.question(plan)).toMatch(
      /on Arweave, encrypted.*for ever.*about 0\.0+\d+ AR, at most 0\.0+\d+ AR/,
    );
    const made = await client.archives.store(plan);
    expect(made).toMatchObject({ type: "text", archive: { state: "signed" } });

    const { hits } = await client.query({ query: "where does the cellar key hang?" });
    expect(hits[0]).toMatchObject({
      id: made.id,
      metadata: { type: "text", mime: "text/markdown", title: "cellar-notes.md" },
    });
    expect(hits[0]?.metadata).toMatchObject({
      content_cid: made.contentCid,
      arweave_tx_id: made.archive.transactionId,
      arweave_url: `${gateway.url}/${made.archive.transactionId}`,
    });
    expect(JSON.stringify(hits)).not.toMatch(/archiveKey/);

    await client.archives.settle();
    expect(await stateOf(client, made.id)).toMatchObject({ state: "sent" });
    await pass(client, 9);
    expect(await stateOf(client, made.id)).toMatchObject({ state: "sent" });
    await pass(client, 1);
    expect(await stateOf(client, made.id)).toMatchObject({ state: "confirmed", winston: expect.any(Number) });
    expect((await client.status()).archive).toEqual({ confirmed: 1 });
    expect(await readdir(join(bench.home, "archive"))).toEqual([]);

    const back = await client.archives.retrieve(made.id);
    expect(back).toMatchObject({ from: "archive", mime: "text/markdown" });
    expect(Buffer.from(back.bytes).equals(await readFile(file))).toBe(true);
    expect(gateway.paid).toEqual([made.archive.transactionId]);
  });

  test("tells the world neither text nor name nor a hash of them", async () => {
    const client = open();
    const { contentCid } = await archive(client);
    await pass(client);
    const plainHash = createHash("sha256")
      .update(await readFile(file))
      .digest("hex");
    const told = JSON.stringify(
      [...gateway.held.values()].map(({ header, chunks }) => [header, [...chunks.values()].map(String)]),
    );
    const tags = gateway.tags();
    for (const private_ of [plainHash, "cellar", secret])
      expect(`${told}${tags}`.toLowerCase()).not.toContain(private_);
    expect(tags).toEqual([
      "Content-Type=application/octet-stream",
      "App-Name=Engram",
      "App-Version=1.0",
      `Content-Hash=${contentCid}`,
      "Encrypted=true",
      "Content-Source=engram-sdk",
    ]);
  });

  test("forgetting the memory makes the bytes unreadable for ever", async () => {
    const client = open();
    const { id } = await archive(client);
    await pass(client);
    await client.delete({ ids: [id] });
    await client.archives.settle();
    await expect(client.archives.retrieve(id)).rejects.toMatchObject({ code: "MEMORY_NOT_FOUND" });
    expect(await client.archives.reports()).toEqual([]);
    expect(gateway.paid).toHaveLength(1);
    await client[Symbol.asyncDispose]();
    for (const gone of [secret, "cellar-notes", gateway.paid[0] as string]) expect(await onDisk(gone)).toBe(false);
  });

  test("what is forgotten before it was sent is never sent", async () => {
    gateway.faults.down = true;
    const client = open();
    const { id } = await archive(client);
    await client.delete({ ids: [id] });
    gateway.faults.down = false;
    await pass(client);
    expect(gateway.held.size).toBe(0);
    expect(await readdir(join(bench.home, "archive"))).toEqual([]);
  });

  test("the same file in the same namespace is paid once", async () => {
    const client = open();
    const first = await archive(client);
    const again = await archive(client);
    expect(again).toMatchObject({ id: first.id, deduped: true, contentCid: first.contentCid });
    const elsewhere = await archive(client, { namespace: "other" });
    expect(elsewhere.id).not.toBe(first.id);
    await pass(client);
    expect(gateway.paid).toHaveLength(2);
  });
});

describe("an archive that fails", () => {
  test("lost answers and a new process send the same transaction", async () => {
    const first = open();
    gateway.faults.loseAnswers = 3;
    const { id, archive: facts } = await archive(first);
    await first.archives.settle();
    expect(await stateOf(first, id)).toMatchObject({ state: "signed", problem: "ARCHIVE_UNREACHABLE" });
    await first[Symbol.asyncDispose]();
    const second = open();
    for (let round = 0; round < 6; round++) await pass(second);
    expect(await stateOf(second, id)).toMatchObject({ state: "confirmed", transactionId: facts.transactionId });
    expect(gateway.paid).toEqual([facts.transactionId]);
  });

  test("a silent gateway costs no memory: it is signed when it speaks again, for no more than was agreed", async () => {
    gateway.faults.down = true;
    const client = open({ dailyWinston: 5_000 });
    const plan = await client.archives.plan({ source: file });
    expect(plan.cost).toEqual({ kind: "unpriced", maxWinston: 5_000 });
    expect(client.archives.question(plan)).toMatch(/price is not known now; at most 0\.000000005 AR/);
    const { id, archive: facts } = await client.archives.store(plan);
    expect(facts).toEqual({ state: "pending" });
    await pass(client);
    expect(await stateOf(client, id)).toMatchObject({ state: "pending", problem: "ARCHIVE_UNREACHABLE" });
    expect(Buffer.from((await client.archives.retrieve(id)).bytes).toString()).toContain(secret);
    gateway.faults.down = false;
    gateway.rate = 1_000;
    clock.advance(DAY_MS / 24);
    await pass(client);
    expect(await stateOf(client, id)).toMatchObject({ state: "pending", problem: "ARCHIVE_TOO_DEAR" });
    gateway.rate = 10;
    clock.advance(DAY_MS / 24);
    await pass(client);
    await pass(client);
    expect(await stateOf(client, id)).toMatchObject({ state: "confirmed" });
    expect((await client.get([id])).items).toHaveLength(1);
  });

  test("a refusal is final, and the memory stays", async () => {
    gateway.faults.refuse = true;
    const client = open();
    const { id } = await archive(client);
    await client.archives.settle();
    expect(await stateOf(client, id)).toMatchObject({ state: "failed", problem: "ARCHIVE_REFUSED" });
    expect((await client.query({ query: "cellar key" })).hits[0]?.id).toBe(id);
    expect((await client.archives.retrieve(id)).from).toBe("disk");
  });

  test("a gateway that forgets what it took gets the same again, and after a day a person decides", async () => {
    gateway.faults.forget = true;
    const client = open();
    const { id } = await archive(client);
    for (let round = 0; round < 4; round++) await pass(client);
    expect(await stateOf(client, id)).toMatchObject({ state: "sent" });
    clock.advance(DAY_MS);
    await pass(client);
    expect(await stateOf(client, id)).toMatchObject({ state: "failed", problem: "ARCHIVE_EXPIRED" });
    expect(gateway.requests.filter((request) => request === "GET /tx_anchor")).toHaveLength(1);
  });

  test("a gateway that calls mined what it does not have is not believed", async () => {
    gateway.faults.forget = true;
    gateway.faults.lieAboutStatus = true;
    const client = open();
    const { id } = await archive(client);
    for (let round = 0; round < 3; round++) await pass(client);
    expect(await stateOf(client, id)).toMatchObject({ state: "sent", problem: "ARCHIVE_NOT_FOUND" });
  });

  test("mangled bytes are neither confirmed nor given out", async () => {
    const client = open();
    gateway.faults.mangle = true;
    const { id } = await archive(client);
    await client.archives.settle();
    await pass(client);
    expect(await stateOf(client, id)).toMatchObject({ state: "sent", problem: "ARCHIVE_MANGLED" });
    gateway.faults.mangle = false;
    clock.advance(POLL_MS);
    await pass(client);
    expect(await stateOf(client, id)).toMatchObject({ state: "confirmed" });
    gateway.faults.mangle = true;
    await expect(client.archives.retrieve(id)).rejects.toMatchObject({ code: "ARCHIVE_MANGLED" });
  });
});

describe("money", () => {
  test("nothing is spent without a budget, and the day's spending outlives forgotten memories", async () => {
    await expect(archive(open({ dailyWinston: 0 }))).rejects.toMatchObject({ code: "ARCHIVE_BUDGET" });
    const client = open({ dailyWinston: 1_500 });
    const { id } = await archive(client);
    await client.delete({ ids: [id] });
    await expect(archive(client)).rejects.toMatchObject({ code: "ARCHIVE_BUDGET" });
    expect(await client.archives.reports()).toEqual([]);
    clock.advance(DAY_MS);
    await expect(archive(client)).resolves.toMatchObject({ archive: { state: "signed" } });
  });

  test("two plans of one budget: the second store is refused whole", async () => {
    const client = open({ dailyWinston: 1_500 });
    const other = join(bench.home, "..", "other.txt");
    await writeFile(other, "another file of about the same length, to be paid");
    const plans = [await client.archives.plan({ source: file }), await client.archives.plan({ source: other })];
    const [first, second] = plans as [(typeof plans)[0], (typeof plans)[0]];
    if (!first || !second) throw new Error("no plans");
    await client.archives.store(first);
    await expect(client.archives.store(second)).rejects.toMatchObject({ code: "ARCHIVE_BUDGET" });
    expect((await client.list({})).items).toHaveLength(1);
    expect(await readdir(join(bench.home, "archive"))).toHaveLength(1);
  });

  test("without a wallet the description alone is kept, and nobody is asked", async () => {
    const client = bench.open({ clock }) as ReturnType<typeof open>;
    const plan = await client.archives.plan({ source: file });
    expect(client.archives.question(plan)).toBeUndefined();
    const { id } = await client.archives.store(plan);
    expect((await client.query({ query: "cellar key" })).hits[0]?.id).toBe(id);
    await expect(client.archives.retrieve(id)).rejects.toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
    expect(gateway.requests).toEqual([]);
  });
});

describe("what may be archived", () => {
  test("public files go as they are, and never with a secret in them", async () => {
    const client = open();
    const made = await archive(client, { public: true });
    expect(made.contentCid).toBe(
      `sha256:${createHash("sha256")
        .update(await readFile(file))
        .digest("hex")}`,
    );
    await pass(client);
    expect(gateway.tags()).toContain("Content-Type=text/markdown");
    expect(gateway.tags().join()).not.toContain("cellar-notes");
    expect(JSON.stringify((await client.get([made.id])).items)).not.toContain("cellar-notes");
    await writeFile(file, "-----BEGIN RSA PRIVATE KEY-----");
    await expect(archive(client, { public: true })).rejects.toMatchObject({ code: "SECRET_FOUND" });
  });

  test("the data folder, folders, missing, empty, large and unknown files are refused", async () => {
    const client = open();
    await client.status();
    const at = (name: string) => join(bench.home, "..", name);
    await writeFile(at("empty"), "");
    await writeFile(at("large"), Buffer.alloc(10_000_001, "a"));
    await writeFile(at("unknown"), Buffer.from([0, 1, 2, 3]));
    for (const [source, code] of [
      [join(bench.home, "memory.db"), "ARCHIVE_SOURCE"],
      [join(bench.home, "..", "home", "wallet"), "ARCHIVE_SOURCE"],
      [bench.home, "ARCHIVE_SOURCE"],
      [at("missing"), "ARCHIVE_SOURCE"],
      [at("empty"), "ARCHIVE_SOURCE"],
      [at("large"), "ARCHIVE_TOO_LARGE"],
      [at("unknown"), "CONTENT_UNSUPPORTED"],
      ["file:///etc/passwd", "URL_INVALID"],
      ["http://127.0.0.1/", "URL_NOT_PUBLIC"],
    ] as const) {
      await expect(client.archives.plan({ source })).rejects.toMatchObject({ code });
    }
  });
});
