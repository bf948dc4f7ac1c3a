import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { ENGRAM } from "../sagebot/local-subnet.ts";

/** `engram mcp --http` on a free port, as an MCP server that an agent may ask. Disposing stops it. */
export async function startToolServer(home: string): Promise<AsyncDisposable & { readonly url: string }> {
  const child = spawn(process.execPath, [ENGRAM, "mcp", "--home", home, "--port", "0"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  for await (const line of createInterface({ input: child.stderr as Readable })) {
    const [, url] = /^MCP at (\S+)$/.exec(line) ?? [];
    if (url === undefined) continue;
    child.stderr?.resume();
    return { url, [Symbol.asyncDispose]: stop };
  }
  throw new Error('"engram mcp" ended before it listened');
}
