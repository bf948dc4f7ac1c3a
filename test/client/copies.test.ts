import { expect, test } from "vitest";
import { parseMinerList } from "../../src/node/client/replication/miner-list.ts";
import { openReplication } from "../../src/node/client/replication/open-replication.ts";
import { ClientBench } from "../support/client-bench.ts";
import { TcpMiners } from "../support/tcp-miners.ts";

test("where the parts of a memory lie, before and after it is forgotten, and how records are spread", async () => {
  await using miners = await TcpMiners.start(3);
  await using bench = await ClientBench.make();
  const replication = openReplication({
    miners: parseMinerList(miners.list),
    privateOnReferenceMiners: false,
    embedded: () => Promise.reject(new Error("there are remote miners")),
  });
  const client = bench.open({ replication });
  const { stored } = await client.store({
    items: [{ text: "the ferry leaves at nine" }, { text: "and comes at ten" }],
  });
  const [first, second] = stored.map(({ id }) => id);
  if (!first || !second) throw new Error("two are stored");
  expect(await client.copies(first)).toEqual([]);
  await client.settle();
  const hotkeys = miners.miners.map(({ hotkey }) => hotkey as string).sort();
  const held = await client.copies(first);
  expect(held.map(({ miner }) => miner)).toEqual(hotkeys);
  for (const copy of held) expect(copy).toMatchObject({ part: 0, state: "delivered", askedAt: null, verdict: null });
  expect(held[0]?.cid).toMatch(/^v1::[0-9a-f]{64}$/);
  const spread = await client.placement();
  expect(spread.map(({ miner }) => miner).sort()).toEqual(hotkeys);
  for (const one of spread) expect(one).toMatchObject({ waiting: 0, deleting: 0 });

  await client.audits?.verify({ names: [first] });
  expect((await client.copies(first)).map(({ verdict }) => verdict)).toEqual(["held", "held", "held"]);
  await client.delete({ ids: [first] });
  await client.settle();
  expect((await client.copies(first)).filter(({ state }) => state === "delivered")).toEqual([]);
  expect((await client.copies(second)).map(({ state }) => state)).toEqual(["delivered", "delivered", "delivered"]);
});
