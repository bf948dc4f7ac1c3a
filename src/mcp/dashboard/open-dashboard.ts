import { systemClock } from "../../node/runtime/clock.ts";
import { type Environment, readEnvironment } from "../../node/runtime/config.ts";
import { ReleaseStack } from "../../node/runtime/release-stack.ts";
import { lazyLog } from "../lazy-deps.ts";
import { openSources } from "./open-sources.ts";
import type { ShownProcess } from "./sources.ts";
import { type Dashboard, type DashboardOptions, startDashboard } from "./start-dashboard.ts";

export interface OpenDashboardOptions extends Omit<DashboardOptions, "hostname"> {
  /** Default 127.0.0.1. */
  readonly hostname?: string;
  /** In place of the process's own. */
  readonly environment?: Environment;
  /** Of the subnet that this process runs. */
  readonly processes?: () => readonly ShownProcess[];
}

/** The dashboard of a data folder, on what lies in it. Errors: those of `startDashboard`. */
export async function openDashboard({
  processes,
  hostname = "127.0.0.1",
  environment = readEnvironment(),
  ...options
}: OpenDashboardOptions): Promise<Dashboard> {
  await using opening = new ReleaseStack();
  const logLevel = environment["ENGRAM_LOG_LEVEL"] ?? "error";
  const shown = processes ? { processes } : {};
  const sources = opening.use(openSources({ home: options.home, logLevel, environment, ...shown }));
  const deps = { sources, clock: systemClock, log: lazyLog(logLevel) };
  // What runs a subnet for others leaves its home alone until somebody looks.
  const whenSampled = processes ? { sampleAtOnce: false } : {};
  const { url, link } = opening.use(await startDashboard({ hostname, ...whenSampled, ...options }, deps));
  const opened = opening.move();
  return { url, link, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}
