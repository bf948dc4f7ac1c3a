import { columns } from "../../node/commands/output.ts";
import { formatMicroDollars } from "../payment/micro-dollars.ts";
import type { RelayStatus } from "../status.ts";
import type { SubnetStatus } from "./status-reader.ts";

/** A subnet's state for a person. */
export function statusLines(status: SubnetStatus): readonly string[] {
  const { processes, relay, balances } = status;
  return [
    ...lines(processes.map(({ name, state, pid }) => [name, state, pid === null ? "" : String(pid)])),
    "",
    ...lines(facts(status)),
    ...lines(Object.entries(relay).map(([name, counts]) => [`relay of ${name}`, counts ? relayed(counts) : "unknown"])),
    ...(balances === null ? [] : ["", ...lines(balanceRows(balances))]),
  ];
}

function facts({ chain, miners, round, receipts, lastReceipt }: SubnetStatus): readonly (readonly string[])[] {
  const scores = round && Object.entries(round.recall).map(([uid, recall]) => `uid ${uid}: ${recall.toFixed(2)}`);
  const last =
    lastReceipt &&
    `#${lastReceipt.seq}, block ${lastReceipt.block}, ${lastReceipt.assurance}, ` +
      `${lastReceipt.signatures.have} of ${lastReceipt.signatures.need} signatures, ${lastReceipt.paid ? "paid" : "free"}`;
  return [
    ["chain", chain ? `block ${chain.block}, finalized ${chain.finalized}` : "does not answer"],
    ["miners", `${miners.reachable} of ${miners.of} reachable`],
    ["last round", round ? `${round.roundId} ${round.state}; recall ${scores?.join(", ")}` : "none yet"],
    ["receipts", receipts === null ? "the gateway does not answer" : String(receipts)],
    ["last receipt", last ?? "none yet"],
  ];
}

function relayed({ states, dlq_pending, dlq_abandoned }: RelayStatus): string {
  const open = states.held + states.ready + states.cosigning + states.submitting;
  const others = states.orphaned + states.skipped;
  const left = others > 0 ? `, ${others} left to others` : "";
  return `${states.delivered} delivered, ${open} on their way (${dlq_pending} retried), ${states.parked + dlq_abandoned} stuck${left}`;
}

function balanceRows(balances: Readonly<Record<string, number>>): readonly (readonly string[])[] {
  return Object.entries(balances).map(([name, amount]) => [`test dollars of ${name}`, formatMicroDollars(amount)]);
}

function lines(rows: readonly (readonly string[])[]): readonly string[] {
  return rows.length === 0 ? [] : columns(rows).split("\n");
}
