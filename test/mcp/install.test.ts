import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findClients } from "../../src/mcp/install/find-clients.ts";
import { installAll } from "../../src/mcp/install/install-all.ts";
import { planInstall, writeConfig } from "../../src/mcp/install/install-server.ts";
import { readJsonConfig, withJsonConfig } from "../../src/mcp/install/json-config.ts";
import { keptArguments } from "../../src/mcp/install/kept-arguments.ts";
import { launchEntry } from "../../src/mcp/install/launch-entry.ts";
import { MCP_CLIENTS, type McpClient, type Places } from "../../src/mcp/install/mcp-clients.ts";
import { withTomlConfig } from "../../src/mcp/install/toml-config.ts";
import { engram, errorOf } from "../cli/engram.ts";

const entry = { command: "/opt/node", args: ["/opt/engram/bin/engram.js", "mcp"] };
const NOW = Date.UTC(2026, 10, 29);

async function places(): Promise<Places> {
  const home = await mkdtemp(join(tmpdir(), "engram-install-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  return { platform: "linux", home, project: join(home, "project") };
}

function clientOf(id: McpClient["id"]): McpClient {
  const found = MCP_CLIENTS.find((client) => client.id === id);
  if (!found) throw new Error(`no client ${id}`);
  return found;
}

async function install(client: McpClient, where: Places, wanted: typeof entry | undefined = entry) {
  const plan = await planInstall(client, where, "user", wanted);
  const backup = await writeConfig(plan, NOW);
  return { ...plan, backup };
}

test.each(MCP_CLIENTS.map((client) => [client.id, client] as const))(
  "%s: added, found again, removed",
  async (_, client) => {
    const where = await places();
    const { action, file, backup } = await install(client, where);
    expect([action, backup]).toEqual(["add", null]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await planInstall(client, where, "user", entry)).action).toBe("none");
    const moved = { ...entry, command: "/opt/node-26" };
    expect((await planInstall(client, where, "user", moved)).action).toBe("update");
    const removed = await planInstall(client, where, "user", undefined);
    expect(removed.action).toBe("remove");
    expect(removed.text).not.toContain("engram");
  },
);

test("the clients read what their makers document", async () => {
  const where = await places();
  const texts = await Promise.all(
    MCP_CLIENTS.map(async (client) => [client.id, (await planInstall(client, where, "user", entry)).text] as const),
  );
  const by = Object.fromEntries(texts);
  const plain = { command: entry.command, args: entry.args };
  expect(JSON.parse(by["claude-desktop"] ?? "")).toEqual({ mcpServers: { engram: plain } });
  expect(JSON.parse(by["cursor"] ?? "")).toEqual({ mcpServers: { engram: plain } });
  expect(JSON.parse(by["claude-code"] ?? "")).toEqual({ mcpServers: { engram: { type: "stdio", ...plain } } });
  expect(JSON.parse(by["vscode"] ?? "")).toEqual({ servers: { engram: { type: "stdio", ...plain } } });
  expect(by["codex"]).toBe(
    '[mcp_servers.engram]\ncommand = "/opt/node"\nargs = [ "/opt/engram/bin/engram.js", "mcp" ]\n',
  );
});

test("files lie where each platform keeps settings", () => {
  const on = (platform: NodeJS.Platform, home: string, appData?: string): Places => ({
    ...{ platform, home, appData, project: home },
  });
  const files = (where: Places) => Object.fromEntries(MCP_CLIENTS.map((client) => [client.id, client.userFile(where)]));
  expect(files(on("win32", "C:\\Users\\Ada", "D:\\Roaming"))).toEqual({
    "claude-desktop": "D:\\Roaming\\Claude\\claude_desktop_config.json",
    "claude-code": "C:\\Users\\Ada\\.claude.json",
    cursor: "C:\\Users\\Ada\\.cursor\\mcp.json",
    vscode: "D:\\Roaming\\Code\\User\\mcp.json",
    codex: "C:\\Users\\Ada\\.codex\\config.toml",
  });
  expect(files(on("darwin", "/Users/ada"))).toMatchObject({
    "claude-desktop": "/Users/ada/Library/Application Support/Claude/claude_desktop_config.json",
    vscode: "/Users/ada/Library/Application Support/Code/User/mcp.json",
  });
  expect(files({ ...on("linux", "/home/ada"), xdgConfig: "/cfg", codexHome: "/codex" })).toMatchObject({
    "claude-desktop": "/cfg/Claude/claude_desktop_config.json",
    codex: "/codex/config.toml",
  });
});

test("npx's cache is named by nobody, and Windows starts npx through its shell", () => {
  const launcher = { platform: "linux", node: "/n", packageName: "engram-mcp", light: false, home: "/data" } as const;
  const cached = "/home/ada/.npm/_npx/1a2b/node_modules/engram-mcp/bin/engram.js";
  expect(launchEntry({ ...launcher, script: "/opt/bin/engram.js" })).toEqual({
    command: "/n",
    args: ["/opt/bin/engram.js", "mcp", "--home", "/data"],
  });
  expect(launchEntry({ ...launcher, script: cached })).toEqual({
    command: "npx",
    args: ["-y", "engram-mcp", "mcp", "--home", "/data"],
  });
  expect(launchEntry({ ...launcher, script: cached, light: true }).args.slice(0, 3)).toEqual([
    ...["-y", "--omit=optional", "engram-mcp"],
  ]);
  expect(
    launchEntry({ ...launcher, platform: "win32", script: "C:\\npm\\_npx\\1\\bin\\engram.js", home: undefined }),
  ).toEqual({
    command: "cmd",
    args: ["/c", "npx", "-y", "engram-mcp", "mcp"],
  });
});

test("comments and other servers stay, and the indentation is the file's", () => {
  const before =
    '{\n    // mine\n    "theme": "dark",\n    "servers": {\n        "other": { "command": "x" }\n    },\n    "last": [1,2]\n}\n';
  const after = withJsonConfig(before, ["servers", "engram"], entry, "mcp.json");
  expect(after).toContain("    // mine\n");
  expect(JSON.parse(after.replace("// mine", ""))).toEqual({
    theme: "dark",
    servers: { other: { command: "x" }, engram: entry },
    last: [1, 2],
  });
  expect(after).toContain('    "last": [1,2]\n');
  expect(after).toContain('        "engram": {\n            "command"');
  const toml =
    '# mine\nmodel = "x"\n\n[mcp_servers.engram]\ncommand = "old"\n\n[mcp_servers.engram.env]\nA = "1"\n\n[other] # kept\na = 1\n';
  const changed = withTomlConfig(toml, "mcp_servers", "engram", { command: "new" }, "config.toml");
  expect(changed).toBe('# mine\nmodel = "x"\n\n[other] # kept\na = 1\n\n[mcp_servers.engram]\ncommand = "new"\n');
});

test("comments behind the table in Codex's file stay with what follows them", () => {
  const [head, own, others, last] = [
    'model = "x"\n\n',
    '[mcp_servers.engram]\ncommand = "old"\nargs = [ # ours\n  "a",\n]\n\n# of the environment\n[mcp_servers.engram.env]\nA = "1"\n',
    '# my other servers\n# [mcp_servers.disabled]\n# command = "y"\n\n[mcp_servers.github]\ncommand = "g"\n',
    "\n# the end\n",
  ];
  const change = (text: string, value?: { command: string }) =>
    withTomlConfig(text, "mcp_servers", "engram", value, "config.toml");
  expect(change(`${head}${own}\n${others}`)).toBe(head + others);
  expect(change(`${head}${own}${others}${last}`)).toBe(head + others + last);
  expect(change(`${own}\n${others}`)).toBe(others);
  expect(change(`${head}${others}\n${own}${last}`)).toBe(head + others + last);
  const added = '\n[mcp_servers.engram]\ncommand = "new"\n';
  expect(change(`${head}${own}\n${others}${last}`, { command: "new" })).toBe(head + others + last + added);
  const windows = `${head}${own}\n${others}`.replaceAll("\n", "\r\n");
  expect(change(windows)).toBe(`${(head + others).replaceAll("\n", "\r\n").trimEnd()}\n`);
});

test("lines beside the entry stay as they are, and their comments where they are", () => {
  const before = [
    "{ // all",
    '  "servers": { // mine',
    "    // for pages",
    '    "web": { "command": "x", "args": ["a", "b"] }, // fast',
    '    "browser": {"command":"y"} // browser',
    "  },",
    '  "last": [1,2] // kept',
    "}",
  ];
  const after = withJsonConfig(before.join("\n"), ["servers", "engram"], { command: "n" }, "mcp.json");
  const added = ['    "engram": {', '      "command": "n"', "    },"];
  expect(after.split("\n")).toEqual([...before.slice(0, 2), ...added, ...before.slice(2)]);
  // Where another put the entry behind its own, the comma before it goes, and their comment stays.
  const last = before.with(4, '    "browser": {"command":"y"}, // browser').toSpliced(5, 0, '    "engram": {} // e');
  expect(withJsonConfig(last.join("\n"), ["servers", "engram"], undefined, "mcp.json")).toBe(before.join("\n"));
});

test.each([
  '{"servers":{}}',
  '{\n\t"servers": {},\n\t"a": 1\n}\n',
  '{"servers":{"a":1}}',
  '{ "servers": { "a": 1, "b": 2 } }',
  '{\r\n  "servers": {\r\n    "a": 1, // a\r\n  },\r\n}\r\n',
  '{\n  "servers": { /* two\n lines */\n    // a\n    "a": { "b": 1 } // b\n    // c\n  }\n}',
  '{\n  "servers": { // none\n  }\n}',
  '{"servers": // here\n  {\n    "a": "}" } }',
])("added and removed again, %j is as it was", (before) => {
  const path = ["servers", "engram"];
  const added = withJsonConfig(before, path, entry, "mcp.json");
  expect(readJsonConfig(added, path, "mcp.json")).toEqual(entry);
  expect(readJsonConfig(added, ["servers", "a"], "")).toEqual(readJsonConfig(before, ["servers", "a"], ""));
  expect(withJsonConfig(added, path, undefined, "mcp.json")).toBe(before);
});

test("what a person added to the entry stays", async () => {
  const where = await places();
  const client = clientOf("cursor");
  const file = client.userFile(where);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, '\uFEFF{"mcpServers":{"engram":{"command":"old","args":[],"env":{"ENGRAM_HOME":"/d"}}}}');
  await chmod(file, 0o640);
  const { action, backup } = await install(client, where);
  expect(action).toBe("update");
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({
    mcpServers: { engram: { ...entry, env: { ENGRAM_HOME: "/d" } } },
  });
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  expect(await readFile(backup ?? "", "utf8")).toContain('"old"');
});

test.each([
  [
    ["/x/engram.js", "mcp", "--home", "/d", "--read-only"],
    ["--home", "/d", "--read-only"],
    ["--home", "/n", "--read-only"],
  ],
  [
    ["-y", "engram-mcp", "mcp", "--read-only", "--home=/d"],
    ["--read-only", "--home=/d"],
    ["--home", "/n", "--read-only"],
  ],
  [
    ["mcp", "--read-only", "--home", "/n"],
    ["--read-only", "--home", "/n"],
    ["--read-only", "--home", "/n"],
  ],
  [["/x/engram.js", "mcp"], [], ["--home", "/n"]],
  [["/x/other.js", "--read-only"], [], ["--home", "/n"]],
  [["mcp", 1], [], ["--home", "/n"]],
  ["mcp", [], ["--home", "/n"]],
])("of the arguments %j, those behind mcp stay, but for a folder that is named now", (held, kept, withHome) => {
  expect(keptArguments(held, entry.args)).toEqual([...entry.args, ...kept]);
  expect(keptArguments(held, [...entry.args, "--home", "/n"])).toEqual([...entry.args, ...withHome]);
});

test("installed again, the server keeps its folder and stays without writes", async () => {
  const { home } = await places();
  const own = { HOME: home, ENGRAM_HOME: "" };
  const file = join(home, ".cursor", "mcp.json");
  const before = ["/x/bin/engram.js", "mcp", "--home", "/data/engram", "--read-only"];
  await mkdir(dirname(file));
  await writeFile(file, JSON.stringify({ mcpServers: { engram: { command: "node", args: before } } }));
  const shown = await engram(home, ["mcp", "install", "cursor"], "", own);
  expect(shown.stdout).toContain(JSON.stringify(before));
  const [{ args }] = JSON.parse((await engram(home, ["mcp", "install", "cursor", "--json"], "", own)).stdout).clients;
  expect(args).toEqual({ before, after: [expect.stringMatching(/engram\.js$/), ...before.slice(1)] });
  expect(shown.stdout).toContain(JSON.stringify(args.after));
  await engram(home, ["mcp", "install", "cursor", "--write"], "", own);
  expect(JSON.parse(await readFile(file, "utf8")).mcpServers.engram.args).toEqual(args.after);
});

test("a link stays a link, and the file behind it is changed", async () => {
  const where = await places();
  const client = clientOf("cursor");
  const target = join(where.home, "dotfiles.json");
  await writeFile(target, "{}");
  await mkdir(join(where.home, ".cursor"));
  await symlink(target, client.userFile(where));
  await install(client, where);
  expect(await readFile(target, "utf8")).toContain("engram");
  expect(await readFile(client.userFile(where), "utf8")).toContain("engram");
});

test.each([
  ["cursor", "{ not json", "line 1"],
  ["cursor", "[]", "not a JSON object"],
  ["cursor", '{\n"mcpServers": "none"}', "line 2: mcpServers is not a table"],
  ["codex", "a = = 1", "line 1"],
  ["codex", 'mcp_servers = { engram = { command = "x" } }', "a form that is not edited"],
] as const)("%s: %s is refused and left as it was", async (id, text, why) => {
  const where = await places();
  const file = clientOf(id).userFile(where);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  await expect(planInstall(clientOf(id), where, "user", entry)).rejects.toMatchObject({
    code: "MCP_CONFIG_INVALID",
    message: expect.stringContaining(why),
  });
  expect(await readFile(file, "utf8")).toBe(text);
});

test("a file that changed meanwhile is not written over", async () => {
  const where = await places();
  const client = clientOf("cursor");
  const plan = await planInstall(client, where, "user", entry);
  await mkdir(dirname(plan.file), { recursive: true });
  await writeFile(plan.file, '{"new":true}');
  await expect(writeConfig(plan, NOW)).rejects.toMatchObject({ code: "MCP_CONFIG_CHANGED" });
  expect(await readFile(plan.file, "utf8")).toBe('{"new":true}');
});

test("the command shows first, writes when told, and finds the clients by itself", async () => {
  const { home } = await places();
  const own = { HOME: home, XDG_CONFIG_HOME: "", CODEX_HOME: "" };
  const none = await engram(home, ["mcp", "install", "--json"], "", own);
  expect([none.code, errorOf(none).code]).toEqual([1, "MCP_CLIENT_NOT_FOUND"]);
  await mkdir(join(home, ".cursor"));
  await mkdir(join(home, ".codex"));
  const shown = await engram(home, ["mcp", "install", "--json"], "", own);
  expect(JSON.parse(shown.stdout).clients).toMatchObject([
    { client: "cursor", action: "add", written: false },
    { client: "codex", action: "add", written: false },
  ]);
  // The folder that ENGRAM_HOME names here: a client starts the server without this shell's variables.
  expect(JSON.parse(shown.stdout).entry.args.slice(1)).toEqual(["mcp", "--home", home]);
  const unset = await engram(home, ["mcp", "install", "--json"], "", { ...own, ENGRAM_HOME: "" });
  expect(JSON.parse(unset.stdout).entry.args.slice(1)).toEqual(["mcp"]);
  expect(await readdir(join(home, ".cursor"))).toEqual([]);
  const written = await engram(home, ["mcp", "install", "--write", "--home", join(home, "data")], "", own);
  expect([written.code, written.stderr]).toEqual([0, ""]);
  const { mcpServers } = JSON.parse(await readFile(join(home, ".cursor", "mcp.json"), "utf8"));
  expect(mcpServers.engram.args.slice(1)).toEqual(["mcp", "--home", join(home, "data")]);
  const again = await engram(home, ["mcp", "install", "--write", "--home", join(home, "data"), "--json"], "", own);
  expect(JSON.parse(again.stdout).clients.map(({ action }: { action: string }) => action)).toEqual(["none", "none"]);
});

test("a client whose file cannot be handled is told by itself, and the others are done", async () => {
  const { home } = await places();
  const own = { HOME: home, XDG_CONFIG_HOME: "", CODEX_HOME: "" };
  const broken = '{\n  "mcpServers": {\n    broken\n  }\n}\n';
  await mkdir(join(home, ".cursor"));
  await mkdir(join(home, ".codex"));
  await mkdir(join(home, ".config", "Code", "User", "mcp.json"), { recursive: true });
  await writeFile(join(home, ".cursor", "mcp.json"), broken);
  const args = ["mcp", "install", "cursor", "vscode", "codex"];
  const shown = await engram(home, args, "", own);
  expect(shown.code).not.toBe(0);
  expect(shown.stdout).toContain(`Codex: would add to ${join(home, ".codex", "config.toml")}`);
  expect(shown.stderr).toContain(`${join(home, ".cursor", "mcp.json")} cannot be read: line 3: invalid symbol`);
  const written = await engram(home, [...args, "--write"], "", own);
  expect(written.code).not.toBe(0);
  // The entry is what is to be copied into the broken file by hand.
  expect(written.stdout).toContain('"engram": {');
  expect(written.stderr).toContain("copy the entry in by hand");
  expect(await readdir(join(home, ".cursor"))).toEqual(["mcp.json"]);
  expect(await readFile(join(home, ".cursor", "mcp.json"), "utf8")).toBe(broken);
  expect(await readFile(join(home, ".codex", "config.toml"), "utf8")).toContain("[mcp_servers.engram]");
  const again = await engram(home, [...args, "--json"], "", own);
  expect(JSON.parse(again.stdout)).toMatchObject({
    clients: [{ client: "codex", action: "none" }],
    failed: [
      { client: "cursor", code: "MCP_CONFIG_INVALID" },
      { client: "vscode", code: "MCP_CONFIG_INVALID" },
    ],
  });
  expect(errorOf(again).code).toBe("MCP_CONFIG_INVALID");
});

test("a client without a file for projects keeps none of the others from theirs", async () => {
  const where = await places();
  const outcomes = await installAll([clientOf("codex"), clientOf("vscode")], {
    ...{ places: where, scope: "project", entry, write: true, now: NOW },
  });
  expect(outcomes).toMatchObject([
    { client: { id: "codex" }, error: { code: "MCP_NO_PROJECT_FILE", fix: expect.stringContaining("install codex") } },
    { client: { id: "vscode" }, action: "add", written: true },
  ]);
  expect(await readFile(join(where.project, ".vscode", "mcp.json"), "utf8")).toContain("engram");
});

test("a folder that cannot be written is told like a file that cannot be read", async () => {
  const where = await places();
  await writeFile(join(where.home, ".cursor"), "no folder");
  const outcomes = await installAll([clientOf("cursor"), clientOf("codex")], {
    ...{ places: where, scope: "user", entry, write: true, now: NOW },
  });
  expect(outcomes).toMatchObject([{ error: { code: "MCP_CONFIG_FAILED" } }, { action: "add", written: true }]);
});

test("the file that is written is a trace as good as a folder", async () => {
  const where = await places();
  await writeFile(join(where.home, ".claude.json"), "{}");
  const ids = (clients: readonly McpClient[]) => clients.map(({ id }) => id);
  const { there, missing } = await findClients(where, "user");
  expect([ids(there), ids(missing)]).toEqual([["claude-code"], ["claude-desktop", "cursor", "vscode", "codex"]]);
  await mkdir(join(where.project, ".vscode"), { recursive: true });
  await writeFile(join(where.project, ".vscode", "mcp.json"), "{}");
  const inProject = await findClients(where, "project");
  expect([ids(inProject.there), ids(inProject.missing)]).toEqual([["claude-code", "vscode"], ["cursor"]]);
});

test("clients that were not found are named, and naming one installs it", async () => {
  const { home } = await places();
  const own = { HOME: home, XDG_CONFIG_HOME: "", CODEX_HOME: "" };
  await writeFile(join(home, ".claude.json"), "{}");
  const shown = await engram(home, ["mcp", "install"], "", own);
  expect(shown.stdout).toContain(
    "Not found here: Claude Desktop, Cursor, VS Code, Codex; name one to install it anyway.",
  );
  const written = await engram(home, ["mcp", "install", "cursor", "--write"], "", own);
  expect([written.code, written.stdout.includes("Not found")]).toEqual([0, false]);
  expect(await readFile(join(home, ".cursor", "mcp.json"), "utf8")).toContain("engram");
  const removed = await engram(home, ["mcp", "install", "cursor", "--remove", "--write"], "", own);
  expect(removed.stdout).toContain("Start Cursor again");
  expect(removed.stdout).not.toContain("Switch it on");
});
