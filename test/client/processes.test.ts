import { afterEach, beforeEach, expect, test } from "vitest";
import { ClientBench } from "../support/client-bench.ts";
import { auditStore } from "../support/store-audit.ts";
import { StoringProcess } from "../support/storing-process.ts";

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(() => bench[Symbol.asyncDispose]());

test("four processes start at once on an empty folder: one wallet, one namespace, no lost write", async () => {
  const writers = ["a", "b", "c", "d"].map((name) => new StoringProcess(bench.home, name, 40));
  expect(await Promise.all(writers.map((writer) => writer.ended()))).toEqual([0, 0, 0, 0]);
  expect(writers.map((writer) => writer.stored.size)).toEqual([40, 40, 40, 40]);
  const client = bench.open();
  const kept = new Set<string>();
  for await (const { id } of client.export()) kept.add(id);
  const wanted = writers.flatMap((writer) => [...writer.stored].filter((id) => !writer.forgot.has(id)));
  expect([...kept].sort()).toEqual(wanted.sort());
  expect(await client.namespaces()).toMatchObject([{ name: "main", memories: 144 }]);
  await client.settle();
  expect(await client.status()).toMatchObject({ awaitingVectors: 0, namespaces: 1 });
  expect(auditStore(bench.home)).toEqual([]);
}, 60_000);
