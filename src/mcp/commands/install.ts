import { homedir } from "node:os";
import { Argument, Command } from "commander";
import type { CommonOptions } from "../../node/commands/kit.ts";
import type { Installation } from "../install/install-all.ts";
import { MCP_CLIENTS, type McpClient, type Places } from "../install/mcp-clients.ts";

interface Options extends CommonOptions {
  readonly write?: boolean;
  readonly remove?: boolean;
  readonly project?: boolean;
}

const HELP = `
Of an entry that is there already, what you added stays, the arguments behind "mcp" too; --home is replaced when a folder is
named now.

Each client is handled by itself. One whose file cannot be handled is told on standard error, with the file, the line and
what to do; the file is left as it is, the others are done all the same, and the exit code is not 0.`;

/** `engram mcp install`: writes the server into the configuration of MCP clients. */
export function installCommand(): Command {
  return new Command("install")
    .description("put the server into your MCP clients' configuration; without --write it only shows what it would do")
    .addArgument(
      new Argument("[client...]", "which, found here or not (default: all that are found)").choices(
        MCP_CLIENTS.map(({ id }) => id),
      ),
    )
    .option("--write", "change the files; each is copied beside itself first")
    .option("--remove", "take the server out instead")
    .option("--project", "use the file of the project in this folder instead of yours")
    .option("--home <folder>", "start the server on this data folder (default: ENGRAM_HOME where it is set)")
    .option("--json", "print the result as one line of JSON")
    .addHelpText("after", HELP)
    .action(async (ids: readonly McpClient["id"][], options: Options) => {
      const { run } = await import("../../node/commands/kit.ts");
      await run(options, () => install(ids, options));
    });
}

async function install(ids: readonly McpClient["id"][], options: Options): Promise<void> {
  const [{ EngramError }, { print, reportFailure }, { entryHere }, { findClients }, { installAll }] = await Promise.all(
    [
      import("../../crypto/errors.ts"),
      import("../../node/commands/output.ts"),
      import("./installation.ts"),
      import("../install/find-clients.ts"),
      import("../install/install-all.ts"),
    ],
  );
  const places = placesHere();
  const scope = options.project ? "project" : "user";
  const named = MCP_CLIENTS.filter(({ id }) => ids.includes(id));
  const { there, missing } = named.length > 0 ? { there: named, missing: [] } : await findClients(places, scope);
  if (there.length === 0) {
    throw new EngramError("MCP_CLIENT_NOT_FOUND", `No MCP client was found here: ${titles(missing)}`, {
      fix: `Name one to install it anyway (engram mcp install NAME): ${missing.map(({ id }) => id).join(", ")}.`,
    });
  }
  const entry = options.remove ? undefined : entryHere(options.home);
  const outcomes = await installAll(there, { places, scope, entry, write: options.write === true, now: Date.now() });
  const done = outcomes.filter((outcome) => "action" in outcome);
  const failed = outcomes.filter((outcome) => "error" in outcome);
  const result = {
    entry: entry && { command: entry.command, args: entry.args },
    clients: done.map((one) => ({ ...one, client: one.client.id })),
    failed: failed.map(({ client, error: { code, message, fix } }) => ({ client: client.id, code, message, fix })),
    missing: missing.map(({ id }) => id),
  };
  // Whoever has to copy the entry in by hand needs it although files are written.
  const isAdded = !options.write && done.some(({ action }) => action === "add");
  const shown = isAdded || failed.length > 0 ? result.entry : undefined;
  await print(options.json === true, result, () => describe({ done, missing, entry: shown }, options));
  for (const { error } of failed) reportFailure(error, options.json === true);
}

interface Described {
  readonly done: readonly Installation[];
  readonly missing: readonly McpClient[];
  /** Undefined where nobody needs to see it. */
  readonly entry: object | undefined;
}

function describe({ done, missing, entry }: Described, { write, remove }: Options): string {
  const lines = done.flatMap(({ client, file, action, args, backup }) => {
    const { title, afterwards } = client;
    if (action === "none") return [`${title}: nothing to change in ${file}`];
    const verb = { add: "add to", update: "update in", remove: "remove from" }[action];
    const [before, after] = [args?.before, args?.after].map((one) => JSON.stringify(one));
    const changed = args ? [`  its arguments now: ${before}`, `  and then:          ${after}`] : [];
    if (!write) return [`${title}: would ${verb} ${file}`, ...changed];
    const kept = backup === undefined ? [] : [`  what was there: ${backup}`];
    const hint = action === "remove" ? `Start ${title} again: until then it may go on with the server.` : afterwards;
    return [`${title}: ${verb} ${file}: done`, ...kept, `  ${hint}`];
  });
  const shown = entry === undefined ? [] : ["The entry:", JSON.stringify({ engram: entry }, null, 2)];
  const anyway = remove ? "" : "; name one to install it anyway";
  const absent = missing.length === 0 ? [] : [`Not found here: ${titles(missing)}${anyway}.`];
  const next = write || done.every(({ action }) => action === "none") ? [] : ["Add --write to do it."];
  return [...lines, ...absent, ...shown, ...next].join("\n");
}

function titles(clients: readonly McpClient[]): string {
  return clients.map(({ title }) => title).join(", ");
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
