import { copyFile, lstat, mkdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import { replaceFile } from "../../node/runtime/replace-file.ts";
import { readJsonConfig, withJsonConfig } from "./json-config.ts";
import { keptArguments } from "./kept-arguments.ts";
import type { LaunchEntry } from "./launch-entry.ts";
import type { McpClient, Places } from "./mcp-clients.ts";
import { readTomlConfig, withTomlConfig } from "./toml-config.ts";

/** The name under which clients list the server. */
const SERVER_NAME = "engram";
/** A settings file above this is not one that a person or a client wrote. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface InstallPlan {
  readonly client: McpClient;
  readonly file: string;
  readonly action: "add" | "update" | "remove" | "none";
  /** Of an update, what the server was started with and what it will be. */
  readonly args?: { readonly before: unknown; readonly after: readonly string[] };
  /** The file as it was when the plan was made. */
  readonly before: string;
  /** The file as it will be. */
  readonly text: string;
}

/**
 * What installing (or, without an entry, removing) the server would change in a client's file; nothing is written.
 * Errors: `MCP_CONFIG_INVALID`, `MCP_NO_PROJECT_FILE`.
 */
export async function planInstall(
  client: McpClient,
  places: Places,
  scope: "user" | "project",
  entry: LaunchEntry | undefined,
): Promise<InstallPlan> {
  const file = fileOf(client, places, scope);
  const before = await readConfig(file);
  const path = [client.table, SERVER_NAME];
  const isJson = client.format === "json";
  const held = isJson ? readJsonConfig(before, path, file) : readTomlConfig(before, client.table, SERVER_NAME, file);
  // What a person added to the entry (environment, switches of the client, arguments of the server) stays.
  const added = isRecord(held) ? held : {};
  const args = entry && keptArguments(added["args"], entry.args);
  const merged = entry && { ...added, ...(client.typed ? { type: "stdio" } : {}), command: entry.command, args };
  if (JSON.stringify(held) === JSON.stringify(merged)) return { client, file, action: "none", before, text: before };
  const action = merged === undefined ? "remove" : held === undefined ? "add" : "update";
  const text = isJson
    ? withJsonConfig(before, path, merged, file)
    : withTomlConfig(before, client.table, SERVER_NAME, merged, file);
  const changed = action === "update" && args ? { args: { before: added["args"] ?? [], after: args } } : {};
  return { client, file, action, ...changed, before, text };
}

/**
 * Writes a plan: what was there goes beside it first, in a copy whose path is returned (null where there was no file).
 * A file that changed since the plan was made is refused (`MCP_CONFIG_CHANGED`).
 */
export async function writeConfig(
  { file, before, text }: Pick<InstallPlan, "file" | "before" | "text">,
  now: number,
): Promise<string | null> {
  await mkdir(dirname(file), { recursive: true });
  // Settings are often links into a folder that is shared between machines: the link stays.
  const target = await realpath(file).catch(() => file);
  const found = await stat(target).catch(() => null);
  if ((await readConfig(target)) !== before) {
    throw new EngramError("MCP_CONFIG_CHANGED", `${file} was changed meanwhile`, { fix: "Run the command again." });
  }
  let backup: string | null = null;
  if (found !== null) {
    backup = `${target}.before-engram-${new Date(now).toISOString().replaceAll(/[:.]/g, "-")}`;
    await copyFile(target, backup);
  }
  await replaceFile(target, text, found === null ? 0o600 : found.mode & 0o777);
  return backup;
}

/** The text of a settings file without a byte order mark; empty where there is none. */
async function readConfig(file: string): Promise<string> {
  const found = await stat(file).catch(() => null);
  if (found === null) {
    const dangling = await lstat(file).catch(() => null);
    if (dangling === null) return "";
    throw new EngramError("MCP_CONFIG_INVALID", `${file} is a link to nothing`, { fix: "Remove the link." });
  }
  if (!found.isFile() || found.size > MAX_BYTES) {
    throw new EngramError("MCP_CONFIG_INVALID", `${file} is no settings file`, { fix: "Look at what is there." });
  }
  return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
}

function fileOf(client: McpClient, places: Places, scope: "user" | "project"): string {
  if (scope === "user") return client.userFile(places);
  if (client.projectFile) return client.projectFile(places);
  throw new EngramError("MCP_NO_PROJECT_FILE", `${client.title} has no file of its own for a project`, {
    fix: `Leave --project out: engram mcp install ${client.id}`,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
