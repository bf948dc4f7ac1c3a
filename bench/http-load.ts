import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Load, LoadOrder } from "./load/load-process.ts";

export type { Load } from "./load/load-process.ts";

const program = fileURLToPath(new URL("load/load-process.ts", import.meta.url));
const run = promisify(execFile);

/** Posts bodies of one kind for some seconds over so many connections; every answer must be a success. */
export async function postLoad(order: LoadOrder): Promise<Load> {
  const { stdout } = await run(process.execPath, [program, JSON.stringify(order)]);
  return JSON.parse(stdout) as Load;
}
