import type { Command } from "commander";
import type { Finding } from "./doctor/check.ts";
import { EXIT } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, run } from "./kit.ts";
import { print } from "./output.ts";

interface Diagnosis {
  readonly ok: boolean;
  readonly checks: readonly Finding[];
}

/** `engram doctor`: checks what Engram needs, and says what to do about what is missing. */
export function doctorCommand(): Command {
  return dataCommand("doctor", "check what Engram needs, and say what to do").action((options: CommonOptions) =>
    run(options, async () => {
      const checks = await examine(options.home);
      const diagnosis: Diagnosis = { ok: checks.every(({ state }) => state !== "broken"), checks };
      await print(options.json === true, diagnosis, describe);
      if (!diagnosis.ok) process.exitCode = EXIT.failure;
    }),
  );
}

async function examine(homeOption: string | undefined): Promise<readonly Finding[]> {
  const [machine, location, client, { homeOf }] = await Promise.all([
    import("./doctor/machine-checks.ts"),
    import("./doctor/home-location.ts"),
    import("./doctor/client-checks.ts"),
    import("./open-client.ts"),
  ]);
  const home = await homeOf(homeOption);
  const first = [
    machine.checkNode(),
    await client.guarded("location", () => location.checkLocation(home)),
    await client.guarded("disk", () => machine.checkDisk(home)),
    await client.guarded("permissions", () => machine.checkPermissions(home)),
  ];
  // On a folder that would damage them, no data is opened or created.
  if (first.some(({ state }) => state === "broken")) return first;
  return [...first, ...(await examineClient(homeOption, client))];
}

async function examineClient(
  home: string | undefined,
  { guarded, statusFindings, checkEmbedder, checkMiners, checkClock }: typeof import("./doctor/client-checks.ts"),
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const opened = await guarded("data", async () => {
    const { openCommandClient } = await import("./open-client.ts");
    await using client = await openCommandClient(home);
    const status = await client.status();
    findings.push(...statusFindings(status));
    findings.push(await guarded("embedder", () => checkEmbedder(client, status)));
    findings.push(checkMiners(status), await guarded("clock", () => checkClock(status)));
    return { name: "data", state: "ok", detail: "opened and closed" };
  });
  return opened.state === "ok" ? findings : [...findings, opened];
}

const MARKS = { ok: "ok      ", warning: "warning ", broken: "BROKEN  " } as const;

function describe({ ok, checks }: Diagnosis): string {
  const lines = checks.map(
    ({ name, state, detail, fix }) =>
      `${MARKS[state]}${name.padEnd(12)} ${detail}${fix === undefined ? "" : `\n${" ".repeat(21)}→ ${fix}`}`,
  );
  return [...lines, "", ok ? "Engram can work here." : "Something is broken: see → above."].join("\n");
}
