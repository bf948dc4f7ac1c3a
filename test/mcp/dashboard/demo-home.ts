import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hotkeyOf } from "../../../src/crypto/ss58.ts";
import { openHistory } from "../../../src/mcp/dashboard/history/history.ts";
import type { DashboardSources, NodeFolder } from "../../../src/mcp/dashboard/sources.ts";
import type { MemoryClient } from "../../../src/node/client/memory.ts";
import { openEngram } from "../../../src/node/open-engram.ts";
import type { Neuron, WeightRow } from "../../../src/node/ports.ts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { openValidatorStore } from "../../../src/node/validator/store/validator-store.ts";
import { openRelayBooks } from "../../../src/relay/relay-books.ts";
import { sr25519 } from "../../relay/relay-kit.ts";
import { quiet } from "../../support/client-bench.ts";
import { FixedChain } from "../../support/fixed-chain.ts";
import { TcpMiners } from "../../support/tcp-miners.ts";
import { TestEmbedder } from "../../support/test-embedder.ts";
import { seedOutbox, seedPayments, seedRounds } from "./seeded-books.ts";
import { seededFeed } from "./seeded-feed.ts";

/** As an attacker would write it: every one of these must be seen as text. */
export const HOSTILE = `<script>window.pwned=1</script><img src=x onerror="window.pwned=2"> "'&lt; {{7*7}} javascript:alert(1)`;

const TEXTS: readonly (readonly [text: string, speaker: string, namespace: string])[] = [
  ["Ana prefers the window seat on trains, and an aisle seat on planes.", "Ana", "main"],
  ["The staging database moved to port 5433; production is unchanged.", "Bo", "work"],
  ["The release is cut on Thursdays; nobody deploys on Friday afternoon.", "Bo", "work"],
  ["Ana is allergic to hazelnuts. Almonds are fine.", "Ana", "main"],
  ["Rate limits of the billing interface: 40 requests a second, burst 80.", "Cleo", "work"],
  ["The garden gets watered on Tuesdays and Saturdays before eight.", "Ana", "home"],
  ["Decision: keep SQLite as the only truth, Qdrant as an index that can be rebuilt.", "Bo", "work"],
  ["The spare key is with the neighbour on the second floor.", "Ana", "home"],
  ["Cleo speaks Portuguese and is learning Finnish.", "Cleo", "main"],
  ["Invoices go out on the first working day of the month.", "Cleo", "work"],
  ["The heating engineer comes on 14 December between nine and eleven.", "Ana", "home"],
  ["When tests fail only in CI, look at the clock and the time zone first.", "Bo", "work"],
];

export interface DemoHome extends AsyncDisposable {
  readonly home: string;
  readonly client: MemoryClient;
  readonly sources: DashboardSources;
  readonly miners: TcpMiners;
}

/** A home in the middle of its life: memories with copies at real miners, books of two relays, rounds of a validator. */
export async function demoHome(now = Date.now()): Promise<DemoHome> {
  await using making = new ReleaseStack();
  const home = await mkdtemp(join(tmpdir(), "engram-dashboard-"));
  making.defer(() => rm(home, { recursive: true, force: true }));
  const miners = making.use(await TcpMiners.start(3));
  const client = making.use(openEngram({ home, miners: miners.list, embedder: new TestEmbedder(), log: quiet }));
  for (const [text, speaker, namespace] of TEXTS) {
    await client.store({ items: [{ text, speaker, metadata: { topic: namespace } }], namespace });
  }
  await client.store({ items: [{ text: HOSTILE, speaker: HOSTILE.slice(0, 60), metadata: { note: HOSTILE } }] });
  await client.settle();
  const nodes: readonly NodeFolder[] = [
    { name: "agent", folder: home },
    { name: "validator-1", folder: join(home, "subnet", "validator-1") },
  ];
  for (const { folder } of nodes) await mkdir(folder, { recursive: true });
  await seedOutbox(nodes[0]?.folder ?? "", { now, rounds: 3, troubled: false });
  await seedOutbox(nodes[1]?.folder ?? "", { now, rounds: 60, troubled: true });
  for (const { folder } of nodes) await seedPayments(folder, now);
  await seedRounds(nodes[1]?.folder ?? "", now);
  await seedHistory(home, now);
  const sources = openDemoSources({ client, nodes, miners, now }, making);
  const made = making.move();
  return { home, client, sources, miners, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() };
}

async function seedHistory(home: string, now: number): Promise<void> {
  await using history = openHistory(home);
  for (let minute = 720; minute > 0; minute -= 6) {
    const past = 720 - minute;
    await history.call("addSample", {
      at: now - minute * 60_000,
      memories: 4 + Math.floor(past / 80),
      copies: minute === 360 ? 2 : 3,
      waiting: past % 90 === 0 ? 3 : 0,
      miners: minute > 354 && minute < 372 ? 2 : 3,
      block: 41_000 + past * 5,
    });
  }
}

interface Parts {
  readonly client: MemoryClient;
  readonly nodes: readonly NodeFolder[];
  readonly miners: TcpMiners;
  readonly now: number;
}

function openDemoSources({ client, nodes, miners, now }: Parts, stack: ReleaseStack): DashboardSources {
  const books = new Map<string, ReturnType<typeof openRelayBooks>>();
  const store = stack.use(openValidatorStore(join(nodes[1]?.folder ?? "", "validator.db")));
  const chain = new DemoChain(neurons(miners));
  const environment = { ENGRAM_DAILY_BUDGET_USD: "1" };
  stack.defer(async () => {
    for (const opening of books.values()) await (await opening)?.[Symbol.asyncDispose]();
  });
  return {
    memory: async () => client,
    chain: async () => chain,
    nodes: async () => nodes,
    books: ({ folder }) => {
      const opened = books.get(folder) ?? openRelayBooks(folder, environment, () => now);
      books.set(folder, opened);
      return opened;
    },
    validator: async ({ name }) => (name === "validator-1" ? store : undefined),
    feed: async () => seededFeed(now),
    processes: () =>
      ["chain", "miner-1", "miner-2", "miner-3", "gateway", "validator-1"].map((name, index) => ({
        ...{ name, state: name === "miner-3" ? "restarting" : "started", pid: 4_200 + index },
        url: `http://127.0.0.1:${20_100 + index}`,
      })),
  };
}

class DemoChain extends FixedChain {
  override async weights(): Promise<ReadonlyMap<number, WeightRow>> {
    return new Map([[0, new Map([1, 2, 3].map((uid) => [uid, 65_535 - uid * 9_000]))]]);
  }
}

function neurons(miners: TcpMiners): readonly Neuron[] {
  const keyOf = (seed: number) => hotkeyOf(sr25519.pairFromSeed(new Uint8Array(32).fill(seed)).publicKey);
  const validator: Neuron = {
    ...{ uid: 0, hotkey: keyOf(200), coldkey: keyOf(210), endpoint: "http://127.0.0.1:20106" },
    ...{ stakeTao: 1_000, validatorPermit: true, incentive: 0 },
  };
  const others = miners.miners.map(
    ({ hotkey, url }, index): Neuron => ({
      ...{ uid: index + 1, hotkey, coldkey: keyOf(201 + index), endpoint: url },
      ...{ stakeTao: 0, validatorPermit: false, incentive: 0.4 - index * 0.07 },
    }),
  );
  return [validator, ...others];
}
