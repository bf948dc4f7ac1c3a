import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

export const ENGRAM = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));

/** Blocks this short bring the first ranking within a minute. */
const BLOCK_MS = "200";

/** A subnet of `engram up` on a folder of its own, ready to be read from. Disposing stops it and waits until it has. */
export async function startLocalSubnet(home: string): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, [ENGRAM, "up", "--home", home, "--json", "--block-ms", BLOCK_MS], {
    // By the channel it notices when this program is gone, and stops.
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout as Readable });
  const ready = new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      const { event } = JSON.parse(line) as { readonly event: string };
      if (event === "ready") resolve();
    });
    void exited.then(() => reject(new Error('"engram up" ended before it was ready')));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  try {
    await ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}
