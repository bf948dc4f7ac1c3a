import { posix, win32 } from "node:path";

/** Where a person's programs keep their settings. Folders are absolute. */
export interface Places {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** The folder a project's own configuration is written to. */
  readonly project: string;
  /** `APPDATA` of Windows. */
  readonly appData?: string | undefined;
  /** `XDG_CONFIG_HOME` where it is set. */
  readonly xdgConfig?: string | undefined;
  /** `CODEX_HOME` where it is set. */
  readonly codexHome?: string | undefined;
}

/** A program that starts MCP servers, and the form it reads them in. */
export interface McpClient {
  readonly id: "claude-desktop" | "claude-code" | "cursor" | "vscode" | "codex";
  readonly title: string;
  readonly format: "json" | "toml";
  /** The table that holds the servers. */
  readonly table: string;
  /** Whether an entry says `"type": "stdio"`. */
  readonly typed: boolean;
  /** The file of the person; it serves every project. */
  userFile(places: Places): string;
  /** The file of one project; absent where the client has none. */
  readonly projectFile?: (places: Places) => string;
  /** A folder or file that exists where the client is installed. */
  trace(places: Places): string;
  /** What makes the client use a server that was put into its file. */
  readonly afterwards: string;
}

/** The clients whose files `engram mcp install` knows, as their makers document them. */
export const MCP_CLIENTS: readonly McpClient[] = [
  {
    id: "claude-desktop",
    title: "Claude Desktop",
    ...{ format: "json", table: "mcpServers", typed: false },
    userFile: (places) => join(places, settings(places), "Claude", "claude_desktop_config.json"),
    trace: (places) => join(places, settings(places), "Claude"),
    afterwards: "Quit Claude Desktop and open it again.",
  },
  {
    id: "claude-code",
    title: "Claude Code",
    ...{ format: "json", table: "mcpServers", typed: true },
    userFile: (places) => join(places, places.home, ".claude.json"),
    projectFile: (places) => join(places, places.project, ".mcp.json"),
    trace: (places) => join(places, places.home, ".claude"),
    afterwards: "It is there from the next session on; /mcp shows it.",
  },
  {
    id: "cursor",
    title: "Cursor",
    ...{ format: "json", table: "mcpServers", typed: false },
    userFile: (places) => join(places, places.home, ".cursor", "mcp.json"),
    projectFile: (places) => join(places, places.project, ".cursor", "mcp.json"),
    trace: (places) => join(places, places.home, ".cursor"),
    afterwards: "Switch it on under Settings, MCP.",
  },
  {
    id: "vscode",
    title: "VS Code",
    ...{ format: "json", table: "servers", typed: true },
    userFile: (places) => join(places, settings(places), "Code", "User", "mcp.json"),
    projectFile: (places) => join(places, places.project, ".vscode", "mcp.json"),
    trace: (places) => join(places, settings(places), "Code"),
    afterwards: 'Run "MCP: List Servers" and start it.',
  },
  {
    id: "codex",
    title: "Codex",
    ...{ format: "toml", table: "mcp_servers", typed: false },
    userFile: (places) => join(places, codexFolder(places), "config.toml"),
    trace: codexFolder,
    afterwards: "It is there from the next session on.",
  },
];

/** Paths of the platform asked about, which need not be the one this runs on. */
function join({ platform }: Places, ...parts: readonly string[]): string {
  return (platform === "win32" ? win32 : posix).join(...parts);
}

function settings(places: Places): string {
  const { platform, home, appData, xdgConfig } = places;
  if (platform === "darwin") return join(places, home, "Library", "Application Support");
  if (platform === "win32") return appData ?? join(places, home, "AppData", "Roaming");
  return xdgConfig ?? join(places, home, ".config");
}

function codexFolder(places: Places): string {
  return places.codexHome ?? join(places, places.home, ".codex");
}
