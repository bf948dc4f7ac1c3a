import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const run = promisify(execFile);

export const RULES = fileURLToPath(new URL("../../ops/prometheus/rules.yml", import.meta.url));

/**
 * Whether to skip what needs Prometheus's own tool (Debian's package `prometheus`), where it is not installed. Never in
 * CI, which installs it.
 */
export const lacksPromtool = await isMissing();

async function isMissing(): Promise<boolean> {
  const missing = await run("promtool", ["--version"]).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );
  const skips = missing && process.env["ENGRAM_CI"] !== "1";
  if (skips) process.stderr.write("skipped: promtool is not installed (Debian's package prometheus)\n");
  return skips;
}

/** What promtool prints; a refusal rejects with it. */
export async function promtool(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run("promtool", args, { timeout: 60_000 });
  return `${stdout}${stderr}`;
}

/** A file of this test alone. */
export async function fileWith(name: string, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "engram-promtool-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, name), text);
  return join(folder, name);
}
