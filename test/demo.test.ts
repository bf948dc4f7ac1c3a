import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

interface Demo {
  readonly ok: boolean;
  readonly steps: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly ms: number;
    readonly detail: string;
  }[];
}

test("the demo walks from an agent's memories through a subnet to a paid ranking that SageBot reads", {
  timeout: 480_000,
}, async () => {
  // As "npm run demo -- --json" has it, with the example of a consumer.
  const demo = ["bin/engram.js", "demo", "--consumer", "examples/sagebot/sagebot.ts", "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, demo);
  const { ok, steps } = JSON.parse(stdout) as Demo;
  expect(steps.map(({ name }) => name)).toEqual([
    ...["start", "store", "recall", "forget", "kill", "recall again"],
    ...["subnet", "copies", "key shares", "round", "relay", "payment", "sagebot", "stop"],
  ]);
  expect(steps.filter((step) => !step.ok)).toEqual([]);
  expect(ok).toBe(true);
  const [, stored, recalled, forgotten, , again, , copies, shares, , relayed, paid] = steps.map(({ detail }) => detail);
  expect(stored).toMatch(/^(\d+) of \1 turns/);
  expect(recalled).toMatch(/^\d+ of 75 questions/);
  expect(forgotten).toMatch(/^3 turns forgotten: .* 0 now; their text is in 0 of [1-9]/);
  expect(again).toMatch(/^(\d+) of \1 memories intact, (\d+) of \2 questions answered as before, 0 forgotten/);
  expect(copies).toMatch(/ 3 of 3 encrypted copies/);
  expect(shares).toMatch(/miner-3 killed, the key put together again from 2 shares/);
  expect(relayed).toMatch(/: 2 signatures \(2 needed\)/);
  expect(paid).toMatch(/^\$0\.001000 by 0x[0-9a-fA-F]{40}; (\d+) paid rankings so far: /);
});
