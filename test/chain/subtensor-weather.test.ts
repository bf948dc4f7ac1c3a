import { expect, test } from "vitest";
import { isEngramError } from "../../src/crypto/errors.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { numbers } from "../support/numbers.ts";
import { SubtensorKit } from "../support/subtensor-kit.ts";
import { spoil } from "../support/subtensor-weather.ts";

const SEEDS = Number(process.env["ENGRAM_SEEDS"] ?? 100);

test(`through ${SEEDS} seeds of faults nothing is taken for final that is not, and no write counts twice`, async () => {
  await using kit = await SubtensorKit.start({ nodes: 3, inclusion: "next", historyBlocks: 100_000 });
  const { hotkey } = kit.neuron();
  // Whoever was set aside has another chance with every seed.
  let later = 0;
  const clock = { ...systemClock, now: () => Date.now() + later };
  const client = kit.connect({ deadlineMs: 150, writeMs: 3_000, clock });
  let [read, written] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = numbers(seed);
    later += 700_000;
    spoil(kit.nodes, random);
    const finality = random();
    if (finality < 0.2) kit.ledger.stalledAt ??= kit.ledger.finalized.number;
    else if (finality < 0.4) kit.ledger.stalledAt = undefined;
    kit.ledger.produce(Math.floor(random() * 3));
    if (random() < 0.3) kit.ledger.reorg(1 + Math.floor(random() * 3));
    const finalized = await outcome(client.finalized());
    if (finalized) {
      read++;
      expect(kit.ledger.blocks[finalized.number]?.hash).toBe(finalized.hash);
      expect(finalized.number).toBeLessThanOrEqual(kit.ledger.finalized.number);
    }
    const bytes = Uint8Array.of(seed & 0xff, seed >> 8);
    const block = await outcome(client.setCommitment(hotkey, bytes));
    if (block) {
      written++;
      expect(kit.ledger.byHash(block.hash)).toBeDefined();
    }
  }
  const included = kit.ledger.blocks.flatMap(({ extrinsics }) => extrinsics);
  expect(new Set(included).size).toBe(included.length);
  const payloads = kit.ledger.taken.map((hex) => kit.ledger.decode(hex).method.toHex());
  expect(new Set(payloads).size).toBe(payloads.length);
  expect(read).toBeGreaterThan(SEEDS / 2);
  expect(written).toBeGreaterThan(SEEDS / 2);
}, 600_000);

/** What was answered; whatever fails, fails with a sentence that says what to do. */
async function outcome<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    expect(error).toSatisfy(isEngramError);
    expect(error).toMatchObject({ code: expect.stringMatching(/^CHAIN_/), fix: expect.any(String) });
    return undefined;
  }
}
