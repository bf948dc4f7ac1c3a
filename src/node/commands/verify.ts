import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type { Audits, CopyReport, VerifyReport } from "../client/audits.ts";
import type { MemoryClient } from "../client/memory.ts";
import { EXIT, usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, withClient } from "./kit.ts";
import { columns, count, print, say } from "./output.ts";

const ABOUT = `
Asks every miner that confirmed a copy to prove it: by all bytes of the record where it can, and public ones also by
their place under the Merkle root that it signs. Private records are in no tree. Lost copies are pushed again.
The exit code is 0 when every copy was proved to be held.`;

interface VerifyOptions extends CommonOptions {
  readonly all?: boolean;
}

/** `engram verify`: proves that miners hold memories. */
export function verifyCommand(): Command {
  return dataCommand("verify", "prove that miners hold your memories")
    .argument("[cid|id...]", "CIDs, ids, or their beginnings of at least 8 characters after m_")
    .option("--all", "every memory of this home")
    .addHelpText("after", ABOUT)
    .action((names: string[], options: VerifyOptions) =>
      withClient(options, async (client) => {
        if (names.length > 0 === (options.all === true)) {
          throw usageError(
            "name memories, or say --all",
            "Run engram verify CID, engram verify ID or engram verify --all.",
          );
        }
        const report = await auditsOf(client).verify(options.all ? { all: true } : { names });
        await print(options.json === true, report, describe);
        for (const name of report.missing) say(`${name}: no memory and no copy of this name`);
        for (const id of report.uncopied) say(`${id}: no miner has confirmed a copy yet`);
        if (!report.ok) process.exitCode = EXIT.failure;
      }),
    );
}

function auditsOf({ audits }: MemoryClient): Audits {
  if (audits) return audits;
  throw new EngramError("NO_MINERS", "no miner is known", { fix: "name miners in ENGRAM_MINERS" });
}

function describe(report: VerifyReport): string {
  const rows = report.copies.map((copy) => [
    copy.id,
    copy.part > 0 ? `part ${copy.part + 1}` : "",
    `${copy.miner}${copy.embedded ? " (this machine)" : ""}`,
    copy.verdict,
    copy.proof === "none" ? "" : copy.proof,
    inclusionText(copy.inclusion),
  ]);
  const counts = Object.entries(report.counts).map(([verdict, number]) => `${number} ${verdict}`);
  const more = report.more > 0 ? `, ${report.more} not listed` : "";
  const total = Object.values(report.counts).reduce((sum, number) => sum + number, 0);
  const summary = `${count(total, "copy", "copies")}: ${counts.join(", ") || "nothing to prove"}${more}`;
  return rows.length === 0 ? summary : `${columns(rows)}\n${summary}`;
}

function inclusionText(inclusion: CopyReport["inclusion"]): string {
  if (!inclusion) return "";
  const { verdict, root, count: leaves } = inclusion;
  return root === undefined ? `Merkle: ${verdict}` : `Merkle: ${verdict}, root ${root.slice(0, 12)} of ${leaves}`;
}
