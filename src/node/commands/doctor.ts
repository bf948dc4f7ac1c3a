import type { Command } from "commander";
import type { Migrations } from "../runtime/sqlite.ts";
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

/** What rooms above this one add: their data files, and what they find of a folder. */
export interface HigherRooms {
  readonly dataFiles: Readonly<Record<string, Migrations>>;
  higherFindings(home: string): Promise<readonly Finding[]>;
}

/** `engram doctor`: checks what Engram needs, and says what to do about what is missing. */
export function doctorCommand(higher: () => Promise<HigherRooms>): Command {
  return dataCommand("doctor", "check what Engram needs, and say what to do")
    .option("--dp-epsilon <value>", "say what a miner's DP_EPSILON of this value truly gives")
    .action((options: DoctorOptions) =>
      run(options, async () => {
        const checks = await examine(options, await higher());
        const diagnosis: Diagnosis = { ok: checks.every(({ state }) => state !== "broken"), checks };
        await print(options.json === true, diagnosis, describe);
        if (!diagnosis.ok) process.exitCode = EXIT.failure;
      }),
    );
}

async function examine(
  { home: homeOption, dpEpsilon }: DoctorOptions,
  { dataFiles, higherFindings }: HigherRooms,
): Promise<readonly Finding[]> {
  const [{ checkPackages }, { checkVersions }] = await Promise.all([
    import("./doctor/package-checks.ts"),
    import("./doctor/data-checks.ts"),
  ]);
  const { checkNoise } = await import("./doctor/noise-check.ts");
  const { checkNode, checkDisk, checkPermissions, checkScan } = await import("./doctor/machine-checks.ts");
  const { checkLocation } = await import("./doctor/home-location.ts");
  const { homeOf } = await import("./open-client.ts");
  const home = await homeOf(homeOption);
  const machine = [
    checkNode(),
    checkPackages(await chosenEmbedder(home)),
    await guarded("location", () => checkLocation(home)),
    await guarded("disk", () => checkDisk(home)),
    await guarded("permissions", () => checkPermissions(home)),
    await guarded("scan", async () => checkScan()),
    await guarded("noise", async () => checkNoise(dpEpsilon ?? process.env["DP_EPSILON"])),
  ];
  // On a folder that would damage them, no data is opened or created.
  if (machine.some(({ state }) => state === "broken")) return machine;
  const versions = await guarded("versions", () => checkVersions({ home, dataFiles }));
  if (versions.state === "broken") return [...machine, versions];
  return [...machine, versions, ...(await examineClient(homeOption)), ...(await higherFindings(home))];
}

/** Settings that cannot be read have no embedder; the check of the embedder says what is wrong with them. */
async function chosenEmbedder(home: string): Promise<string | undefined> {
  const { readClientSettings } = await import("./client-settings.ts");
  return await readClientSettings(home).then(
    ({ embedding }) => embedding.kind,
    () => undefined,
  );
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
