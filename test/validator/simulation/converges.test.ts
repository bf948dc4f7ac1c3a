import { expect, test } from "vitest";
import { SimulatedSubnet } from "./simulated-subnet.ts";

/** ENGRAM_SIMULATION_SEEDS=50 for the whole count (`npm run simulate:subnet`). */
const SEEDS = Number(process.env["ENGRAM_SIMULATION_SEEDS"] ?? 6);
const ROUNDS = 20;
/** From this round on the order must stand. */
const SETTLED = 10;

test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
  "seed %i",
  async (seed) => {
    await using subnet = await SimulatedSubnet.start(seed);
    for (let round = 1; round <= ROUNDS; round++) {
      const outcomes = await subnet.round();
      expect(outcomes.slice(0, 2), `round ${round}`).toEqual(["done", "done"]);
      for (const name of ["alice", "bob"] as const) {
        const weights = subnet.weightsOf(name);
        expect(weights?.honest).toBe(65_535);
        expect(weights?.dead).toBe(0);
        if (round < SETTLED || weights === null) continue;
        expect(weights.honest).toBeGreaterThan(weights.slow);
        expect(weights.slow).toBeGreaterThan(weights.forgetful);
        expect(weights.liar).toBeGreaterThan(weights.forgetful);
        // A claim earns nothing: both took the same time.
        expect(Math.abs(weights.liar - weights.slow)).toBeLessThan(0.05 * 65_535);
      }
    }
    for (const name of ["alice", "bob"] as const) {
      // Two honest validators agree, nearly always, and Mallory's say is none of it.
      const agreed = await subnet.metricOf(name, 'engram_validator_rounds_total{verdict="quorum"}');
      expect(agreed).toBeGreaterThanOrEqual(ROUNDS * 0.75);
      expect(await subnet.metricOf(name, 'engram_validator_miners{state="answering"}')).toBe(4);
      expect(await subnet.metricOf(name, 'engram_validator_miners{state="silent"}')).toBe(1);
      const failed = await subnet.metricOf(name, 'engram_validator_challenges_total{result="failed"}');
      // All of the dead one's, and about half of the forgetful one's.
      expect(failed).toBeGreaterThan(ROUNDS * 5 * 1.25);
      expect(failed).toBeLessThan(ROUNDS * 5 * 1.75);
    }
    expect(await subnet.metricOf("mallory", 'engram_validator_rounds_total{verdict="quorum"}')).toBe(0);
  },
  120_000,
);
