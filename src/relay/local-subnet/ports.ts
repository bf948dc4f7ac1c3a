import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import { replaceFile } from "../../node/runtime/replace-file.ts";

/** Below what systems give to outgoing connections: such a port could be taken by anyone while its process restarts. */
const FIRST_PORT = 20_000;
const END_PORT = 32_000;
const MAX_TRIES = 1_000;

const saved = z.record(z.string(), z.int().min(1).max(65_535));

export type Ports = Readonly<Record<string, number>>;

/**
 * The ports of the processes `names`: those in the file at `path`, and for new names free ones, saved there. They stay
 * the same, for a gateway's address is signed into payments and a chain's is saved with the subnet.
 * Errors: `CONFIG_INVALID` for a damaged file.
 */
export async function choosePorts(path: string, names: readonly string[]): Promise<Ports> {
  const before = await readPorts(path);
  const ports: Record<string, number> = { ...before };
  for (const name of names) ports[name] ??= await freePort(new Set(Object.values(ports)));
  if (names.some((name) => before[name] === undefined)) await write(path, ports);
  return ports;
}

/**
 * Resolves when all of `ports` can be listened on. One that stays taken is an error and not replaced: whoever knows the
 * subnet's addresses would talk to a stranger. Errors: `PORT_TAKEN`.
 */
export async function waitForPorts(path: string, ports: Ports, clock: Clock, signal: AbortSignal): Promise<void> {
  // A subnet whose owner was killed needs a moment to end.
  const deadline = clock.now() + 15_000;
  for (const [name, port] of Object.entries(ports)) {
    while (!(await isFree(port))) {
      if (clock.now() > deadline) {
        throw new EngramError("PORT_TAKEN", `another program listens on port ${port}, which is ${name}'s`, {
          fix: `stop that program, or delete ${path} to choose all ports anew`,
        });
      }
      await clock.sleep(100, signal);
    }
  }
}

/** None where the file is not there. Errors: `CONFIG_INVALID`. */
export async function readPorts(path: string): Promise<Ports> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw error;
  });
  try {
    return saved.parse(JSON.parse(text));
  } catch (cause) {
    throw new EngramError("CONFIG_INVALID", `${path} is not what "engram up" saves`, {
      fix: "delete it: ports are then chosen anew",
      cause,
    });
  }
}

async function write(path: string, ports: Ports): Promise<void> {
  await replaceFile(path, `${JSON.stringify(ports, null, 2)}\n`);
}

async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = randomInt(FIRST_PORT, END_PORT);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new EngramError("PORT_TAKEN", `no free port was found from ${FIRST_PORT} to ${END_PORT}`, {
    fix: "stop programs that listen there",
  });
}

/** Whether this process could listen on that port of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    return await new Promise<boolean>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) =>
        error.code === "EADDRINUSE" || error.code === "EACCES" ? resolve(false) : reject(error),
      );
      server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(true));
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
