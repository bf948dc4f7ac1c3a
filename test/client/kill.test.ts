import { randomInt } from "node:crypto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ClientBench } from "../support/client-bench.ts";
import { auditStore } from "../support/store-audit.ts";
import { StoringProcess } from "../support/storing-process.ts";

/** Of each way to scan; each round kills two writers. `npm run torture` sets 500. */
const KILLS = Number(process.env["ENGRAM_KILLS"] ?? 13);
const SCANS = ["kernel", "plain"] as const;
/** Each round kills two writers of one folder. */
const WRITERS = 2;

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await bench[Symbol.asyncDispose]();
});

test.each(SCANS)(
  `with the %s scan no acknowledged memory is lost, none that was forgotten comes back: ${KILLS} rounds of kill -9`,
  async (scan) => {
    // The writers inherit it.
    vi.stubEnv("ENGRAM_SCAN", scan);
    const stored = new Set<string>();
    const forgot = new Set<string>();
    const unsure = new Set<string>();
    for (let round = 0; round < KILLS; round++) {
      const writers = Array.from({ length: WRITERS }, (_, i) => new StoringProcess(bench.home, `r${round}w${i}`));
      await Promise.all(writers.map((writer) => writer.hasStored(randomInt(1, 40))));
      // A moment that belongs to no step of the work.
      await new Promise((resolve) => setTimeout(resolve, randomInt(0, 30)));
      // One that ended by itself failed: its reason is on stderr.
      expect(await Promise.all(writers.map((writer) => writer.kill()))).toEqual(writers.map(() => "SIGKILL"));
      for (const writer of writers) {
        for (const id of writer.stored) stored.add(id);
        for (const id of writer.forgot) forgot.add(id);
        for (const id of writer.forgetting) if (!writer.forgot.has(id)) unsure.add(id);
      }
      expect(auditStore(bench.home)).toEqual([]);
    }

    const client = bench.open();
    await client.settle();
    const kept = new Set<string>();
    for await (const { id } of client.export()) kept.add(id);
    const lost = [...stored].filter((id) => !kept.has(id) && !forgot.has(id) && !unsure.has(id));
    expect(lost).toEqual([]);
    expect([...forgot].filter((id) => kept.has(id))).toEqual([]);
    expect(stored.size).toBeGreaterThan(KILLS);

    // The other scan finds the same in the same files.
    vi.stubEnv("ENGRAM_SCAN", scan === "kernel" ? "plain" : "kernel");
    await using other = bench.open();
    for (const mode of ["hybrid", "keyword", "semantic"] as const) {
      const question = { query: "memory long text", limit: 50, mode };
      const { hits } = await client.query(question);
      expect((await other.query(question)).hits).toEqual(hits);
      expect(hits).toHaveLength(50);
      const { items, missing } = await client.get(hits.map(({ id }) => id));
      expect(missing).toEqual([]);
      expect(new Map(items.map(({ id, text }) => [id, text]))).toEqual(new Map(hits.map(({ id, text }) => [id, text])));
      for (const { id } of hits) expect(kept.has(id)).toBe(true);
    }
    expect((await client.status()).awaitingVectors).toBe(0);
    for (const opened of [client, other]) await opened[Symbol.asyncDispose]();
    expect(auditStore(bench.home)).toEqual([]);
  },
  60_000 + KILLS * 60_000,
);
