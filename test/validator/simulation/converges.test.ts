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
  },
  60_000,
);
