import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadDemoConversation } from "./demo-conversation.ts";
import type { Step, StepResult } from "./demo-step.ts";
import { CONVERSATION, DemoStory } from "./demo-story.ts";
import { DemoSubnetStory } from "./demo-subnet-story.ts";

interface StepReport {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly detail: string;
}

const flag = { type: "boolean", default: false } as const;
const { values } = parseArgs({ options: { json: flag, "no-payments": flag } });
const conversation = loadDemoConversation();
const folder = await mkdtemp(join(tmpdir(), "engram-demo-"));
const home = join(folder, "engram");
const reports: StepReport[] = [];

try {
  await using story = new DemoStory(home, conversation);
  const payments = !values["no-payments"];
  await using subnet = new DemoSubnetStory({ home, namespace: CONVERSATION, payments, leave: () => story.leave() });
  const steps = [...story.steps(), ...subnet.steps()];
  tell(
    `An agent lives through ${conversation.turns.length} turns of ${conversation.speakers.join(" and ")}, in ${folder}\n`,
  );
  for (const step of steps) {
    const { report, broken } = await runStep(step);
    reports.push(report);
    if (broken) break; // what follows builds on it
  }
  const ok = reports.length === steps.length && reports.every((report) => report.ok);
  const ms = reports.reduce((sum, report) => sum + report.ms, 0);
  if (values.json) process.stdout.write(`${JSON.stringify({ ok, steps: reports })}\n`);
  tell(ok ? `\nAll of it held, in ${seconds(ms)}.` : "\nThe demo failed: see ✗ above.");
  process.exitCode = ok ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function runStep(step: Step): Promise<{ readonly report: StepReport; readonly broken: boolean }> {
  const started = performance.now();
  const { ok, detail, examples = [], broken = false } = await attempt(step);
  const ms = Math.round(performance.now() - started);
  tell(`${ok ? "✓" : "✗"} ${step.name.padEnd(13)} ${seconds(ms).padStart(7)}  ${detail}`);
  for (const line of examples) tell(`      ${line}`);
  return { report: { name: step.name, ok, ms, detail }, broken };
}

async function attempt(step: Step): Promise<StepResult & { readonly broken?: boolean }> {
  try {
    return await step.run();
  } catch (error) {
    return { ok: false, broken: true, detail: error instanceof Error ? error.message : String(error) };
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function tell(line: string): void {
  if (!values.json) process.stdout.write(`${line}\n`);
}
