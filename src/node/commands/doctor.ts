import type { Command } from "commander";
import { type Finding, guarded, ok } from "./doctor/check.ts";
import { EXIT } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, run } from "./kit.ts";
import { print } from "./output.ts";

interface DoctorOptions extends CommonOptions {
  readonly dpEpsilon?: string;
}

interface Diagnosis {
  readonly ok: boolean;
  readonly checks: readonly Finding[];
}

/** `engram doctor`: checks what Engram needs, and says what to do about what is missing. */
export function doctorCommand(): Command {
  return dataCommand("doctor", "check what Engram needs, and say what to do")
    .option("--dp-epsilon <value>", "say what a miner's DP_EPSILON of this value truly gives")
    .action((options: DoctorOptions) =>
      run(options, async () => {
        const checks = await examine(options);
        const diagnosis: Diagnosis = { ok: checks.every(({ state }) => state !== "broken"), checks };
        await print(options.json === true, diagnosis, describe);
        if (!diagnosis.ok) process.exitCode = EXIT.failure;
      }),
    );
}

async function examine({ home: homeOption, dpEpsilon }: DoctorOptions): Promise<readonly Finding[]> {
  const { checkNoise } = await import("./doctor/noise-check.ts");
  const { checkNode, checkDisk, checkPermissions, checkScan } = await import("./doctor/machine-checks.ts");
  const { checkLocation } = await import("./doctor/home-location.ts");
  const { homeOf } = await import("./open-client.ts");
  const home = await homeOf(homeOption);
  const machine = [
    checkNode(),
    await guarded("location", () => checkLocation(home)),
    await guarded("disk", () => checkDisk(home)),
    await guarded("permissions", () => checkPermissions(home)),
    await guarded("scan", async () => checkScan()),
    await guarded("noise", async () => checkNoise(dpEpsilon ?? process.env["DP_EPSILON"])),
  ];
  // On a folder that would damage them, no data is opened or created.
  if (machine.some(({ state }) => state === "broken")) return machine;
  return [...machine, ...(await examineClient(homeOption))];
}

async function examineClient(home: string | undefined): Promise<readonly Finding[]> {
  const { statusFindings, checkEmbedder, checkEmbedderSettings, checkMiners, checkClock } = await import(
    "./doctor/client-checks.ts"
  );
  const { openCommandClient } = await import("./open-client.ts");
  const findings: Finding[] = [];
  // Without the model that the settings name nothing is opened: what is stored should be embedded by it.
  const embedder = await guarded("embedder", () => checkEmbedderSettings(home));
  if (embedder.state === "broken") return [embedder];
  const opened = await guarded("data", async () => {
    await using client = await openCommandClient(home);
    const status = await client.status();
    findings.push(...statusFindings(status));
    findings.push(await guarded("embedder", () => checkEmbedder(client, status)));
    findings.push(checkMiners(status), await guarded("clock", () => checkClock(status)));
    return ok("data", "opened and closed");
  });
  return opened.state === "ok" ? findings : [...findings, opened];
}

const MARKS = { ok: "ok      ", warning: "warning ", broken: "BROKEN  " } as const;

function describe(diagnosis: Diagnosis): string {
  const lines = diagnosis.checks.map(
    ({ name, state, detail, fix }) =>
      `${MARKS[state]}${name.padEnd(12)} ${detail}${fix === undefined ? "" : `\n${" ".repeat(21)}→ ${fix}`}`,
  );
  return [...lines, "", diagnosis.ok ? "Engram can work here." : "Something is broken: see → above."].join("\n");
}
