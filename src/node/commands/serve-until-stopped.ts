import { setTimeout } from "node:timers/promises";
import type { Environment } from "../runtime/config.ts";
import type { Logger } from "../runtime/logger.ts";
import type { ServiceControl } from "../runtime/service-listener.ts";

/** The variables of a service's process: those of its `.env` file beneath those it was started with. */
export async function serviceEnvironment(envFile: string | undefined): Promise<{
  readonly environment: Environment;
  readonly logger: Logger;
}> {
  const [config, { loadEnvironment }, { createLogger }] = await Promise.all([
    import("../runtime/config.ts"),
    import("../runtime/config-env-file.ts"),
    import("../runtime/logger.ts"),
  ]);
  const { environment, file, exposed } = loadEnvironment(envFile);
  const { ENGRAM_LOG_LEVEL, LOG_LEVEL } = config.parseVariables(config.sharedVariables, environment);
  const logger = createLogger({ level: ENGRAM_LOG_LEVEL ?? LOG_LEVEL ?? "info" });
  if (exposed) logger.warn({ file }, "every user of this machine can read the environment file: chmod 600 it");
  return { environment, logger };
}

/**
 * Waits for `stopped`, then tells balancers before the listener closes (R19). SIGHUP takes up renewed certificate files
 * meanwhile, and ends nothing.
 */
export async function serveUntilStopped(
  service: ServiceControl,
  stopped: Promise<void>,
  drainMs: number,
): Promise<void> {
  const renew = () => void service.renewCertificate();
  process.on("SIGHUP", renew);
  await stopped;
  process.off("SIGHUP", renew);
  service.drain();
  await setTimeout(drainMs);
}
