import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { DEFAULTS } from "../eval/simulation/assumptions.ts";
import {
  checkPlacement,
  movedRecords,
  placementBalance,
  simulatedMiners,
} from "../eval/simulation/placement-balance.ts";
import { subnetLoad } from "../eval/simulation/subnet-load.ts";

const run = promisify(execFile);
const script = new URL("../eval/simulate.ts", import.meta.url).pathname;

describe("the simulation of a large subnet", () => {
  test.each([3, 40, 700])("places records on %i miners as the product does", (count) => {
    for (const stake of ["equal", "zipf"] as const) checkPlacement(simulatedMiners(count, stake), 25);
  });

  test("notices a placement that is not the product's", () => {
    const miners = simulatedMiners(40, "zipf");
    const shuffled = miners.map((miner, at) => ({ ...miner, hotkey: miners[(at + 1) % 40]?.hotkey ?? "" }));
    expect(movedRecords(miners, miners, 200)).toBe(0);
    // The same hotkeys under other stakes: only the choice among the nearest changes.
    expect(movedRecords(miners, shuffled, 200)).toBeGreaterThan(0);
  });

  test("spreads every copy, and moves three copies of each hundred records for each hundredth that leaves", () => {
    const miners = simulatedMiners(100, "equal");
    const balance = placementBalance(miners, 5_000);
    expect(balance).toMatchObject({ records: 5_000, without: 0 });
    expect(balance.most).toBeGreaterThan(1);
    const without = miners.slice(1);
    const moved = movedRecords(miners, without, 5_000);
    expect(moved).toBeGreaterThan(0.01);
    expect(moved).toBeLessThan(0.09);
  });

  test("counts what the subnet carries", () => {
    const balance = placementBalance(simulatedMiners(10, "equal"), 500);
    const assumptions = { ...DEFAULTS, miners: 10, memories: 1_000, diskBytes: 1_000, validators: 2 };
    const load = subnetLoad(assumptions, { ...balance, most: 2 }, 0.03);
    expect(load.copies).toBe(3_000);
    expect(load.diskGb.mean).toBeCloseTo(300_000 / 1e9, 12);
    expect(load.diskGb.most).toBeCloseTo(600_000 / 1e9, 12);
    expect(load.repair.copiesADay).toBeCloseTo(30, 9);
    expect(load.validator.requestsARound).toBe(100);
    expect(load.minerRequestsASecond).toBeCloseTo(20 / 600, 12);
  });

  test("is a command that says what it assumes and refuses what it cannot do", async () => {
    const arguments_ = ["--miners", "20", "--memories", "1000", "--samples", "200"];
    const { stdout } = await run(process.execPath, [script, ...arguments_, "--json"]);
    const { assumptions, balance, load } = JSON.parse(stdout);
    expect(assumptions).toMatchObject({ miners: 20, memories: 1_000, samples: 200, stake: "zipf" });
    expect(assumptions.sentences.length).toBeGreaterThan(2);
    expect(balance.records).toBe(200);
    expect(load.copies).toBe(3_000);
    await expect(run(process.execPath, [script, "--miners", "20000"])).rejects.toMatchObject({ code: 2 });
  });
});
