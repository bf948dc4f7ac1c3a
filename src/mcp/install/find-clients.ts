import { access } from "node:fs/promises";
import { MCP_CLIENTS, type McpClient, type Places } from "./mcp-clients.ts";

export interface FoundClients {
  readonly there: readonly McpClient[];
  /** Looked for, and without a trace. */
  readonly missing: readonly McpClient[];
}

/**
 * Which clients are installed, as far as their traces tell: a folder of theirs, or the very file that would be written.
 * For a project, clients without a file for projects are not looked for.
 */
export async function findClients(places: Places, scope: "user" | "project"): Promise<FoundClients> {
  const candidates = MCP_CLIENTS.filter(({ projectFile }) => scope === "user" || projectFile);
  const looked = await Promise.all(
    candidates.map(async (client) => {
      const project = scope === "project" ? client.projectFile?.(places) : undefined;
      const traces = [client.trace(places), client.userFile(places), ...(project === undefined ? [] : [project])];
      return { client, isThere: (await Promise.all(traces.map(exists))).includes(true) };
    }),
  );
  return {
    there: looked.filter(({ isThere }) => isThere).map(({ client }) => client),
    missing: looked.filter(({ isThere }) => !isThere).map(({ client }) => client),
  };
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
