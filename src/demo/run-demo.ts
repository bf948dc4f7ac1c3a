import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isEngramError } from "../crypto/errors.ts";
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

/** What the demo came to; `ok` when every step was run and held. */
export interface DemoReport {
  readonly ok: boolean;
  readonly steps: readonly StepReport[];
}

export interface DemoOptions {
  /** False where anvil cannot run. */
  readonly payments: boolean;
  /** A program of the caller's that reads the subnet's feed, too. */
  readonly consumer?: string | undefined;
  /** Ends the demo behind the step that runs. */
  readonly signal: AbortSignal;
  /** Told each line for a person. */
  readonly tell: (line: string) => void;
}

/** Runs the whole story in a temporary folder, which is gone afterwards. */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { payments, consumer, signal, tell } = options;
  const conversation = loadDemoConversation();
  const folder = await mkdtemp(join(tmpdir(), "engram-demo-"));
  const home = join(folder, "engram");
  const reports: StepReport[] = [];
  try {
    await using story = new DemoStory(home, conversation);
    const leave = () => story.leave();
    await using subnet = new DemoSubnetStory({ home, namespace: CONVERSATION, payments, consumer, leave });
    const steps = [...story.steps(), ...subnet.steps()];
    const { turns, speakers } = conversation;
    tell(`An agent lives through ${turns.length} turns of ${speakers.join(" and ")}, in ${folder}\n`);
    for (const step of steps) {
      const { report, broken } = await runStep(step, options);
      reports.push(report);
      if (broken || signal.aborted) break; // what follows builds on it
    }
    const ok = reports.length === steps.length && reports.every((report) => report.ok);
    const ms = reports.reduce((sum, report) => sum + report.ms, 0);
    tell(
      ok
        ? `\nAll of it held, in ${seconds(ms)}.`
        : `\nThe demo ${signal.aborted ? "was stopped" : "failed: see ✗ above"}.`,
    );
    return { ok, steps: reports };
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runStep(
  step: Step,
  { tell }: DemoOptions,
): Promise<{ readonly report: StepReport; readonly broken: boolean }> {
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
    return { ok: false, broken: true, detail: describe(error) };
  }
}

function describe(error: unknown): string {
  if (isEngramError(error)) return error.fix === undefined ? error.message : `${error.message}; ${error.fix}`;
  return error instanceof Error ? error.message : String(error);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
