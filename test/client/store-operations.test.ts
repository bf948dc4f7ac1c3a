import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Leases } from "../../src/node/client/leases.ts";
import type { Memory, MemoryId } from "../../src/node/client/memory.ts";
import { memoryStore } from "../../src/node/client/store/memory-store.ts";
import { ClientBench, StandingClock } from "../support/client-bench.ts";
import { auditStore } from "../support/store-audit.ts";

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe("leases", () => {
  test("one holder at a time; a dead one's is taken after 15 s, and it finds out", async () => {
    await using store = memoryStore(bench.home);
    const take = (holder: string, now: number) => store.call("acquireLease", { task: "push", holder, now });
    expect(await take("a", 1_000)).toBe(true);
    expect(await take("b", 2_000)).toBe(false);
    expect(await store.call("renewLease", { task: "push", holder: "a", now: 10_000 })).toBe(true);
    expect(await take("b", 24_999)).toBe(false);
    expect(await take("b", 25_000)).toBe(true);
    expect(await store.call("renewLease", { task: "push", holder: "a", now: 25_001 })).toBe(false);
    await store.call("releaseLease", { task: "push", holder: "a" });
    expect(await take("c", 25_002)).toBe(false);
    await store.call("releaseLease", { task: "push", holder: "b" });
    expect(await take("c", 25_003)).toBe(true);
    // A clock that was set back must not keep a lease for ever.
    expect(await take("d", -10_000_000)).toBe(true);
  });

  test("work that lost its lease is stopped before its next effect", async () => {
    await using store = memoryStore(bench.home);
    const clock = new StandingClock();
    const leases = new Leases({ store, clock });
    const { signal } = new AbortController();
    const effects: string[] = [];
    const work = leases.run("push", signal, async (lease) => {
      await lease.check();
      effects.push("first");
      expect(await leases.run("push", signal, async () => undefined)).toBe(false);
      clock.advance(15_000);
      expect(await leases.run("push", signal, async () => void effects.push("other"))).toBe(true);
      await lease.check();
      effects.push("second");
    });
    await expect(work).rejects.toThrow("lost the lease");
    expect(effects).toEqual(["first", "other"]);
  });
});

describe("approvals", () => {
  test("count once, for exactly these arguments, within five minutes", async () => {
    const clock = new StandingClock();
    const client = bench.open({ clock });
    const { approvals } = client;
    const { code, expiresAt } = await approvals.request("hash-1", "delete 30 memories");
    expect(code).toMatch(/^[a-z2-7]{8}$/);
    expect(expiresAt).toBe(clock.now() + 300_000);
    expect((await approvals.request("hash-1", "delete 30 memories")).code).toBe(code);
    expect(await approvals.consume("hash-1")).toBe(false);
    expect(await approvals.approve("zzzzzzzz")).toBeNull();
    expect(await approvals.pending("zzzzzzzz")).toBeNull();
    expect(await approvals.pending(code)).toEqual({ summary: "delete 30 memories" });
    expect(await approvals.consume("hash-1")).toBe(false);
    expect(await approvals.approve(` ${code.toUpperCase()}\n`)).toEqual({ summary: "delete 30 memories" });
    expect(await approvals.approve(code)).toBeNull();
    expect(await approvals.pending(code)).toBeNull();
    expect(await approvals.consume("hash-2")).toBe(false);
    expect(await approvals.consume("hash-1")).toBe(true);
    expect(await approvals.consume("hash-1")).toBe(false);
    const late = await approvals.request("hash-3", "late");
    await approvals.approve(late.code);
    clock.advance(300_000);
    expect(await approvals.consume("hash-3")).toBe(false);
    expect(await approvals.approve(late.code)).toBeNull();
  });
});

describe("compaction", () => {
  test("gives the room of forgotten memories back and keeps the others", async () => {
    const client = bench.open();
    const items = Array.from({ length: 200 }, (_, i) => ({ text: `number ${i} ${"padding ".repeat(200)}` }));
    const { stored } = await client.store({ items });
    await client.settle();
    await client.delete({ ids: stored.slice(0, 180).map(({ id }) => id) });
    await using store = memoryStore(bench.home);
    const before = (await stat(join(bench.home, "memory.db"))).size;
    expect(await store.call("compact", { force: false })).toBe(false);
    expect(await store.call("compact", { force: true })).toBe(true);
    expect((await stat(join(bench.home, "memory.db"))).size).toBeLessThan(before / 2);
    expect((await client.query({ query: "number 190" })).hits[0]?.text).toContain("number 190");
    expect(auditStore(bench.home)).toEqual([]);
  });
});

describe("restore", () => {
  test("puts memories back as they were, once, and never one that was forgotten", async () => {
    const client = bench.open({ session: "s" });
    const { stored } = await client.store({ items: ["one", "two", "three"].map((text) => ({ text: `the ${text}` })) });
    const before: Memory[] = [];
    for await (const memory of client.export()) before.push(memory);
    const forgotten = stored[1]?.id as MemoryId;
    await client.delete({ ids: [forgotten] });

    const other = await ClientBench.make();
    try {
      const clientThere = other.open();
      await clientThere.createNamespace({ name: "main" });
      await using store = memoryStore(other.home);
      expect(await store.call("restore", { memories: before, journal: false })).toMatchObject({ restored: 3 });
      expect(await store.call("restore", { memories: before, journal: false })).toMatchObject({
        restored: 0,
        pieces: [],
      });
      await clientThere.settle();
      const after: Memory[] = [];
      for await (const memory of clientThere.export()) after.push(memory);
      expect(after).toEqual(before);
      expect((await clientThere.query({ query: "the three" })).hits[0]?.id).toBe(stored[2]?.id);
    } finally {
      await other[Symbol.asyncDispose]();
    }

    await using here = memoryStore(bench.home);
    expect(await here.call("restore", { memories: before, journal: false })).toMatchObject({ restored: 0 });
    expect((await client.get([forgotten])).missing).toEqual([forgotten]);
  });
});

test("an older program leaves newer data alone", async () => {
  const client = bench.open();
  await client.store({ items: [{ text: "from the future" }] });
  await client[Symbol.asyncDispose]();
  const { default: Database } = await import("better-sqlite3");
  const path = join(bench.home, "memory.db");
  const database = new Database(path);
  database.exec("INSERT INTO kysely_migration (name, timestamp) VALUES ('999-later', '2030')");
  database.close();
  const bytes = await readFile(path);
  await expect(bench.open().list({})).rejects.toMatchObject({ code: "DATA_TOO_NEW" });
  expect(await readFile(path)).toEqual(bytes);
});
