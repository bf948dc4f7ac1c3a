import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { fileWith, lacksPromtool, promtool, RULES } from "./promtool.ts";

const TESTS = fileURLToPath(new URL("../../ops/prometheus/rules.test.yml", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../ops/prometheus/prometheus.yml", import.meta.url));

interface Rule {
  readonly alert: string;
  readonly expr: string;
}

const rules = async (): Promise<readonly Rule[]> => {
  const { groups } = parse(await readFile(RULES, "utf8")) as { groups: readonly { readonly rules: readonly Rule[] }[] };
  return groups.flatMap((group) => group.rules);
};

test("there is an alert for each thing that must not go unnoticed", async () => {
  const names = (await rules()).map(({ alert }) => alert);
  const asked = [
    ...["EngramRelayFailing", "EngramRelayNoSuccess", "EngramRelayDeadLetters", "EngramFinalityStalled"],
    ...["EngramQuorumMissing", "EngramProofRateLow", "EngramUnderReplicated", "EngramDiskLow"],
    ...["EngramEventLoopSlow", "EngramChainDisconnected", "EngramPaymentBudgetLow"],
  ];
  expect(names).toEqual(expect.arrayContaining(asked));
  expect(new Set(names).size).toBe(names.length);
});

test("each alert is tested both firing and not", async () => {
  type Case = { readonly alertname: string; readonly exp_alerts?: readonly object[] };
  const { tests } = parse(await readFile(TESTS, "utf8")) as { tests: readonly { alert_rule_test: readonly Case[] }[] };
  const cases = tests.flatMap((one) => one.alert_rule_test);
  const names = (await rules()).map(({ alert }) => alert).sort();
  const named = (fires: boolean) =>
    new Set(cases.filter((one) => (one.exp_alerts !== undefined) === fires).map((one) => one.alertname));
  expect([...named(true)].sort()).toEqual(names);
  expect([...named(false)].sort()).toEqual(names);
});

test.skipIf(lacksPromtool)("promtool takes the rules, their tests and the configuration", async () => {
  expect(await promtool("check", "rules", RULES)).toContain(`SUCCESS: ${(await rules()).length} rules found`);
  expect(await promtool("check", "config", CONFIG)).toContain("SUCCESS");
  expect(await promtool("test", "rules", TESTS)).toContain("SUCCESS");
});

test.skipIf(lacksPromtool)("a rule that is changed fails its test", async () => {
  const text = (await readFile(RULES, "utf8")).replace("failures >= 3", "failures >= 4");
  const changed = await fileWith("rules.yml", text);
  const tests = (await readFile(TESTS, "utf8")).replace("- rules.yml", `- ${changed}`);
  await expect(promtool("test", "rules", await fileWith("rules.test.yml", tests))).rejects.toThrow(
    "EngramRelayFailing",
  );
});
