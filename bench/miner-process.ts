import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const served = z.object({ msg: z.literal("the miner serves"), url: z.string() });

/** `engram miner` on `folder`, a process of its own, on a simulated chain and without a limit to its requests. */
export async function startMinerProcess(folder: string): Promise<AsyncDisposable & { readonly url: string }> {
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL("../bin/engram.js", import.meta.url)),
      "miner",
      ...["--home", folder, "--folder", `${folder}/miner`],
    ],
    {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ENGRAM_CHAIN: "local", MINER_PORT: "0", RATE_LIMIT_MAX_REQUESTS: "1000000", RATE_LIMIT_WINDOW_SECS: "1" },
    },
  );
  const url = await serving(child);
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function serving(child: ChildProcess): Promise<string> {
  if (!child.stderr) throw new Error("the miner has no log");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  createInterface({ input: child.stderr }).on("line", (line) => {
    const { success, data } = served.safeParse(JSON.parse(line));
    if (success) resolve(data.url);
  });
  child.once("exit", (code) => reject(new Error(`the miner ended with exit code ${code}`)));
  return promise;
}
