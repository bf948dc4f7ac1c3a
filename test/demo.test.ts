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

test("the demo's agent stores, recalls, forgets, survives a SIGKILL and recalls again", {
  timeout: 120_000,
}, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["eval/demo.ts", "--json"]);
  const { ok, steps } = JSON.parse(stdout) as Demo;
  expect(steps.map(({ name }) => name)).toEqual(["start", "store", "recall", "forget", "kill", "recall again"]);
  expect(steps.filter((step) => !step.ok)).toEqual([]);
  expect(ok).toBe(true);
  const [, stored, recalled, forgotten, , again] = steps.map(({ detail }) => detail);
  expect(stored).toMatch(/^(\d+) of \1 turns/);
  expect(recalled).toMatch(/^\d+ of 75 questions/);
  expect(forgotten).toMatch(/^3 turns forgotten: .* 0 now; their text is in 0 of [1-9]/);
  expect(again).toMatch(/^(\d+) of \1 memories intact, (\d+) of \2 questions answered as before, 0 forgotten/);
});
