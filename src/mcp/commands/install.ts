import { homedir } from "node:os";
import { Argument, Command } from "commander";
import type { CommonOptions } from "../../node/commands/kit.ts";
import type { InstallPlan } from "../install/install-server.ts";
import { MCP_CLIENTS, type McpClient, type Places } from "../install/mcp-clients.ts";

interface Options extends CommonOptions {
  readonly write?: boolean;
  readonly remove?: boolean;
  readonly project?: boolean;
}

interface Installed {
  readonly client: McpClient["id"];
  readonly file: string;
  readonly action: InstallPlan["action"];
  readonly written: boolean;
  readonly backup?: string;
}

/** `engram mcp install`: writes the server into the configuration of MCP clients. */
export function installCommand(): Command {
  return new Command("install")
    .description("put the server into your MCP clients' configuration; without --write it only shows what it would do")
    .addArgument(
      new Argument("[client...]", "which (default: all that are found here)").choices(MCP_CLIENTS.map(({ id }) => id)),
    )
    .option("--write", "change the files; each is copied beside itself first")
    .option("--remove", "take the server out instead")
    .option("--project", "use the file of the project in this folder instead of yours")
    .option("--home <folder>", "start the server on this data folder (default: ENGRAM_HOME where it is set)")
    .option("--json", "print the result as one line of JSON")
    .action(async (ids: readonly McpClient["id"][], options: Options) => {
      const { run } = await import("../../node/commands/kit.ts");
      await run(options, () => install(ids, options));
    });
}

async function install(ids: readonly McpClient["id"][], options: Options): Promise<void> {
  const [{ EngramError }, { print }, { entryHere }, { planInstall, readConfig, writeConfig }] = await Promise.all([
    import("../../crypto/errors.ts"),
    import("../../node/commands/output.ts"),
    import("./installation.ts"),
    import("../install/install-server.ts"),
  ]);
  const places = placesHere();
  const scope = options.project ? "project" : "user";
  const clients = ids.length > 0 ? MCP_CLIENTS.filter(({ id }) => ids.includes(id)) : await found(places, scope);
  if (clients.length === 0) {
    throw new EngramError("MCP_CLIENT_NOT_FOUND", "No MCP client was found here", {
      fix: `Name one: engram mcp install ${MCP_CLIENTS.map(({ id }) => id).join("|")}`,
    });
  }
  // A client starts the server without this shell's variables: a folder named here must be named there.
  const home = options.home ?? (process.env["ENGRAM_HOME"] || undefined);
  const entry = options.remove ? undefined : entryHere(home);
  // All are looked at before the first is changed: one that cannot be read leaves everything as it was.
  const plans = await Promise.all(
    clients.map(async (client) => {
      const plan = await planInstall(client, places, scope, entry);
      return { plan, before: await readConfig(plan.file) };
    }),
  );
  const done: Installed[] = [];
  for (const { plan, before } of plans) {
    const { client, file, action } = plan;
    const written = options.write === true && action !== "none";
    const backup = written ? await writeConfig(plan, before, Date.now()) : null;
    done.push({ client: client.id, file, action, written, ...(backup === null ? {} : { backup }) });
  }
  const shown = entry && { command: entry.command, args: entry.args };
  await print(options.json === true, { entry: shown, clients: done }, () => describe(done, shown, options));
}

function describe(done: readonly Installed[], entry: object | undefined, { write }: Options): string {
  const lines = done.flatMap(({ client, file, action, backup }) => {
    const found = MCP_CLIENTS.find(({ id }) => id === client);
    const title = found?.title ?? client;
    if (action === "none") return [`${title}: nothing to change in ${file}`];
    const verb = { add: "add to", update: "update in", remove: "remove from" }[action];
    if (!write) return [`${title}: would ${verb} ${file}`];
    const kept = backup === undefined ? [] : [`  what was there: ${backup}`];
    return [`${title}: ${verb} ${file}: done`, ...kept, ...(found ? [`  ${found.afterwards}`] : [])];
  });
  const shown = entry === undefined ? [] : ["The entry:", JSON.stringify({ engram: entry }, null, 2)];
  const next = write || done.every(({ action }) => action === "none") ? [] : ["Add --write to do it."];
  return [...lines, ...(write ? [] : shown), ...next].join("\n");
}

/** Clients that left a trace on this machine and, for a project, have a file there. */
async function found(places: Places, scope: "user" | "project"): Promise<readonly McpClient[]> {
  const { access } = await import("node:fs/promises");
  const there = await Promise.all(
    MCP_CLIENTS.map(async (client) => {
      const isThere = await access(client.trace(places)).then(
        () => true,
        () => false,
      );
      return isThere && (scope === "user" || client.projectFile) ? [client] : [];
    }),
  );
  return there.flat();
}

function placesHere(): Places {
  const { APPDATA, XDG_CONFIG_HOME, CODEX_HOME } = process.env;
  return {
    platform: process.platform,
    home: homedir(),
    project: process.cwd(),
    // Set to nothing is as good as not set.
    appData: APPDATA || undefined,
    xdgConfig: XDG_CONFIG_HOME || undefined,
    codexHome: CODEX_HOME || undefined,
  };
}
