import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { Environment } from "./config.ts";
import { replaceFile } from "./replace-file.ts";

/** The variables by which processes find a local subnet: its chain, its gateway and its payment chain. */
const NAMES = [
  "ENGRAM_CHAIN",
  "XERIS_RELAY_URL",
  "ENGRAM_GATEWAY_HOTKEY",
  "ENGRAM_PAYMENT_RPC_URL",
  "ENGRAM_DAILY_BUDGET_USD",
] as const;

/** Whoever names one of these means another subnet. */
const OTHER_SUBNET = ["ENGRAM_CHAIN", "ENGRAM_MINERS", "XERIS_RELAY_URL"] as const;

const FILE = "subnet.json";
const saved = z.strictObject({ version: z.literal(1), variables: z.partialRecord(z.enum(NAMES), z.string()) });

/** What a local subnet tells the processes of its data folder. */
export type SubnetVariables = z.output<typeof saved>["variables"];

/** Saves it durably in the data folder; readers see the file before or this one. */
export async function saveSubnet(home: string, variables: SubnetVariables): Promise<void> {
  await replaceFile(join(home, FILE), `${JSON.stringify({ version: 1, variables }, null, 2)}\n`);
}

/** Forgets it: from then on processes of the folder are on their own again, as they were before. */
export async function forgetSubnet(home: string): Promise<void> {
  await rm(join(home, FILE), { force: true });
}

/** `environment` without what names a subnet: for who means that of a data folder, whatever else is named. */
export function withoutSubnet(environment: Environment): Environment {
  const named: readonly string[] = [...NAMES, ...OTHER_SUBNET];
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !named.includes(name)));
}

/**
 * `environment` with what the local subnet of `home` saved beneath it, so that a server on its folder finds it (design:
 * flows). Nothing is added where the environment names a chain, miners or a gateway itself: the two are never mixed.
 * Errors: `CONFIG_INVALID`.
 */
export async function homeEnvironment(home: string, environment: Environment): Promise<Environment> {
  if (OTHER_SUBNET.some((name) => environment[name] !== undefined)) return environment;
  const path = join(home, FILE);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return environment;
  try {
    return { ...saved.parse(JSON.parse(text)).variables, ...environment };
  } catch (cause) {
    throw new EngramError("CONFIG_INVALID", `${path} is not what "engram up" saves`, {
      fix: "move it away, or run engram up again",
      cause,
    });
  }
}
