import { expect, test } from "vitest";
import { Subnet } from "./subnet.ts";

test("a running validator looks after what its rounds placed: a dead miner's copies are proved elsewhere", async () => {
  await using subnet = await Subnet.start();
  for (const name of ["one", "two", "three"]) await subnet.miner(name);
  const dead = await subnet.miner("dead");
  await subnet.chain.step();
  const validator = await subnet.validator("only", { CONSENSUS_MIN_VALIDATORS: "0" });
  expect(await validator.runRound()).toBe("done");
  await dead[Symbol.asyncDispose]();
  const { looked, health } = await validator.runRepair();
  expect(looked).toBe(8);
  expect(health).toMatchObject({ healthy: 8, degraded: 0, critical: 0 });
});
