import { EngramError, isEngramError } from "../../crypto/errors.ts";
import { type InstallPlan, planInstall, writeConfig } from "./install-server.ts";
import type { LaunchEntry } from "./launch-entry.ts";
import type { McpClient, Places } from "./mcp-clients.ts";

export interface Installation {
  readonly client: McpClient;
  readonly file: string;
  readonly action: InstallPlan["action"];
  readonly args?: InstallPlan["args"];
  readonly written: boolean;
  readonly backup?: string;
}

/** A client whose file was left as it is, and why. */
export interface FailedInstallation {
  readonly client: McpClient;
  readonly error: EngramError;
}

export interface InstallAllOptions {
  readonly places: Places;
  readonly scope: "user" | "project";
  /** Undefined takes the server out. */
  readonly entry: LaunchEntry | undefined;
  /** False only looks. */
  readonly write: boolean;
  readonly now: number;
}

/** Installs the server at each client by itself: a file that cannot be handled keeps none of the others from it. */
export async function installAll(
  clients: readonly McpClient[],
  options: InstallAllOptions,
): Promise<readonly (Installation | FailedInstallation)[]> {
  return await Promise.all(
    clients.map(async (client) => {
      try {
        return await install(client, options);
      } catch (error) {
        return { client, error: asEngramError(error) };
      }
    }),
  );
}

async function install(client: McpClient, { places, scope, entry, write, now }: InstallAllOptions) {
  const plan = await planInstall(client, places, scope, entry);
  const { file, action, args } = plan;
  const written = write && action !== "none";
  const backup = written ? await writeConfig(plan, now) : null;
  return { client, file, action, ...(args ? { args } : {}), written, ...(backup === null ? {} : { backup }) };
}

/** What the file system has against it is told like all else; a fault of this program is not hidden as one. */
function asEngramError(error: unknown): EngramError {
  if (isEngramError(error)) return error;
  if (!(error instanceof Error && "syscall" in error)) throw error;
  return new EngramError("MCP_CONFIG_FAILED", `The file cannot be read or written: ${error.message}`, {
    fix: "Look at who owns the file and its folder, and run the command again.",
    cause: error,
  });
}
