import { join } from "node:path";
import { LogFile } from "./log-file.ts";
import { folderOf, type SubnetPlan, subnetFolder } from "./plan.ts";
import type { RunningService, Service } from "./service.ts";
import { spawnCommand } from "./spawn-command.ts";

/** The commands that serve, and what each logs when it does. */
const SERVES = {
  chain: "the chain serves",
  miner: "the miner serves",
  validator: "the validator serves",
  gateway: "the gateway serves",
} as const;

export interface CommandServiceOptions {
  readonly plan: SubnetPlan;
  readonly name: string;
  readonly command: keyof typeof SERVES;
  readonly port: number;
  readonly args?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** A process of the subnet that is one of this program's own commands. */
export class CommandService implements Service {
  readonly name: string;
  readonly #options: CommandServiceOptions;
  readonly #log: LogFile;

  constructor(options: CommandServiceOptions) {
    this.name = options.name;
    this.#options = options;
    this.#log = new LogFile(join(subnetFolder(options.plan), "logs", `${options.name}.log`));
  }

  async start(signal: AbortSignal): Promise<RunningService> {
    const { plan, name, command, port, args = [], environment } = this.#options;
    const folders = ["--home", subnetFolder(plan), "--folder", folderOf(plan, name)];
    return await spawnCommand({
      name,
      args: [command, ...folders, "--port", String(port), ...args],
      environment,
      serves: SERVES[command],
      log: this.#log,
      signal,
    });
  }
}
