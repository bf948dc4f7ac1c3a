import type { Command } from "commander";
import type { ClientStatus } from "../client/memory.ts";
import { type CommonOptions, dataCommand, withClient } from "./kit.ts";
import { columns, count, print } from "./output.ts";

/** `engram status`: what is stored, where, and what is still on its way. */
export function statusCommand(): Command {
  return dataCommand("status", "show what is stored, where, and what is still on its way").action(
    (options: CommonOptions) =>
      withClient(options, async (client) => print(options.json === true, await client.status(), describe)),
  );
}

function describe(status: ClientStatus): string {
  const { replicas, journal, embedder } = status;
  const copies = `${replicas.have} of ${replicas.target}${replicas.note === undefined ? "" : `, ${replicas.note}`}`;
  const rows = [
    ["home", status.home],
    ["hotkey", status.hotkey],
    ["backup", status.backup === "made" ? "made" : 'never made: run "engram wallet backup"'],
    ["memories", `${status.memories} in ${count(status.namespaces, "namespace")}`],
    ["replicas", copies],
    ["to push", String(journal.pushes)],
    ["to delete", String(journal.deletes)],
    ["failed", String(journal.failed)],
    [
      "without vector",
      status.awaitingVectors === 0 ? "0" : `${status.awaitingVectors}, found by words alone until they have one`,
    ],
    ...(status.otherModelVectors === 0
      ? []
      : [["of another model", `${status.otherModelVectors}: found by words alone until "engram reindex"`]]),
    ["audit", describeAudit(status.audit)],
    ...(status.archive ? [["archive", describeUploads(status.archive)]] : []),
    ["embedder", `${embedder.model}, ${embedder.dim} dimensions`],
    ["chain", `${status.chain.identity}, block ${status.chain.block}`],
    ...status.miners.map(({ hotkey, url, reachable, caps }) => [
      "miner",
      `${hotkey} ${url} ${reachable ? `reachable (${caps.join(", ") || "no capabilities"})` : "not reachable"}`,
    ]),
  ];
  return columns(rows);
}

function describeAudit(audit: ClientStatus["audit"]): string {
  if (!audit) return "none yet";
  const counts = Object.entries(audit.counts).map(([verdict, number]) => `${number} ${verdict}`);
  const overdue = audit.overdue > 0 ? `; ${audit.overdue} not looked at for 30 days` : "";
  return `${new Date(audit.at).toISOString()}: ${counts.join(", ") || "no copies"}${overdue}`;
}

function describeUploads(uploads: NonNullable<ClientStatus["archive"]>): string {
  return Object.entries(uploads)
    .map(([state, number]) => `${number} ${state}`)
    .join(", ");
}
