import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packExtension } from "@anthropic-ai/mcpb";
import pkg from "../../package.json" with { type: "json" };
import { packTarball } from "./installation.ts";
import { stageBundle } from "./stage-bundle.ts";

/** `npm run bundle`: writes `engram-VERSION.mcpb` here, which MCP clients install with one click. */
const outputPath = join(import.meta.dirname, `../../engram-${pkg.version}.mcpb`);
const folder = await mkdtemp(join(tmpdir(), "engram-bundle-"));
try {
  const staging = join(folder, "engram");
  const { packages, megabytes } = await stageBundle(await packTarball(folder), staging);
  if (!(await packExtension({ extensionPath: staging, outputPath, silent: true }))) {
    throw new Error("the bundle could not be made: its manifest or its folder was refused");
  }
  const { size } = await stat(outputPath);
  process.stdout.write(
    `${outputPath}: ${packages} packages, ${megabytes} MB unpacked, ${(size / 1e6).toFixed(1)} MB packed\n`,
  );
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
