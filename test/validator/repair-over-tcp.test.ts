import { expect, test } from "vitest";
import { Subnet } from "./subnet.ts";

test("a running validator looks after what its rounds placed, and a dead miner's copies do not count", async () => {
  await using subnet = await Subnet.start();
  await subnet.miner("alive");
  const dead = await subnet.miner("dead");
  await subnet.chain.step();
  const validator = await subnet.validator("only", { CONSENSUS_MIN_VALIDATORS: "0" });
  expect(await validator.runRound()).toBe("done");
  await dead[Symbol.asyncDispose]();
  const { looked, restored, health } = await validator.runRepair();
  expect({ looked, restored }).toEqual({ looked: 8, restored: 0 });
  expect(health).toMatchObject({ critical: 8, degraded: 0, healthy: 0 });
}, 60_000);
