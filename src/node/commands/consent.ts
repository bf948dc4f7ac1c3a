import { createHash } from "node:crypto";
import { EngramError } from "../../crypto/errors.ts";
import type { MemoryClient } from "../client/memory.ts";
import type { CommonOptions } from "./kit.ts";

/** Deletes of up to this many memories need nobody's word. */
export const FREE_DELETES = 20;

interface Act {
  readonly command: string;
  /** Exactly what will be done: an approval holds for it alone. */
  readonly input: object;
  /** One sentence a person decides by. */
  readonly summary: string;
}

/**
 * Returns when a person agrees: at the terminal, or by `engram approve` before. Throws `CONSENT_DECLINED`, and
 * `CONSENT_REQUIRED` with the code to approve where no person is at a terminal. An option is never an agreement.
 */
export async function requireConsent(client: MemoryClient, options: CommonOptions, act: Act): Promise<void> {
  const hash = createHash("sha256")
    .update(JSON.stringify([act.command, act.input]))
    .digest("hex");
  if (await client.approvals.consume(hash)) return;
  if (personAtTerminal(options)) return askPerson(act.summary);
  const { code } = await client.approvals.request(hash, act.summary);
  throw new EngramError("CONSENT_REQUIRED", `a person has to approve this first: ${act.summary}`, {
    fix: `A person runs "engram approve ${code}" within 5 minutes; then repeat this command unchanged.`,
  });
}

/** Whether somebody can be asked here and now. */
export function personAtTerminal(options: CommonOptions): boolean {
  return Boolean(process.stdin.isTTY && process.stderr.isTTY) && options.json !== true;
}

/** Asks yes or no on the terminal. Throws `CONSENT_DECLINED` for anything but yes. */
export async function askPerson(summary: string): Promise<void> {
  const { confirm } = await import("@clack/prompts");
  const answer = await confirm({ message: summary, initialValue: false, output: process.stderr });
  if (answer === true) return;
  throw new EngramError("CONSENT_DECLINED", "nothing was done", {
    fix: "Run the command again and answer yes to do it.",
  });
}

/** True on the simulated chain with miners of this machine alone: then nothing leaves it, and no consent is needed. */
export async function staysOnThisMachine(client: MemoryClient): Promise<boolean> {
  const { chain, miners } = await client.status();
  return chain.identity.startsWith("local:") && miners.every(({ url }) => isLoopback(url));
}

function isLoopback(url: string): boolean {
  // The embedded miner has no address.
  if (url === "") return true;
  const parsed = URL.parse(url);
  if (parsed === null) return false;
  return parsed.protocol === "embedded:" || /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(parsed.hostname);
}
