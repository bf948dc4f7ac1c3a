import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { CopyReport } from "../../node/client/audits.ts";
import { isMemoryIdPrefix } from "../../node/client/ids.ts";
import { assertMayUsePublic, getInScope } from "../scope.ts";
import { defineTool, type ToolContext } from "../tool.ts";

const nameField = z
  .string()
  .overwrite((text) => text.trim().toLowerCase())
  .refine(
    (text) => isMemoryIdPrefix(text) || /^v1::[0-9a-f]{64}$/.test(text),
    "neither an id (m_ and at least 8 characters) nor a CID (v1:: and 64 hex digits)",
  );

const input = z.strictObject({
  ids: z.array(nameField).min(1).max(50).optional().describe("ids or CIDs; without them, all memories"),
});

const output = z.looseObject({ ok: z.boolean(), counts: z.record(z.string(), z.number()) });

type Args = z.output<typeof input>;

/** Copies in one answer: what failed comes first. */
const SHOWN = 20;

export const verifyTool = defineTool({
  name: "engram_verify",
  title: "Verify copies",
  description:
    "Prove that miners hold memories: a storage challenge to each, for public ones also Merkle inclusion under its signed root. Lost copies are pushed again.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  handler: verify,
});

async function verify(args: Args, context: ToolContext): Promise<z.output<typeof output>> {
  const { audits } = await context.client();
  if (!audits) {
    throw new EngramError("NO_MINERS", "No miner is known", { fix: "Ask the person to name miners in ENGRAM_MINERS." });
  }
  const { names, missing } = await namesInScope(args, context);
  const selection = names === undefined ? { all: true as const } : { names };
  const report = await audits.verify(selection, { signal: context.signal });
  const absent = [...missing, ...report.missing];
  const more = report.more + Math.max(report.copies.length - SHOWN, 0);
  return {
    ok: report.ok && missing.length === 0,
    counts: { ...report.counts } as Record<string, number>,
    copies: report.copies.slice(0, SHOWN).map(showCopy),
    ...(more > 0 ? { more } : {}),
    ...(absent.length > 0 ? { missing: absent } : {}),
    ...(report.uncopied.length > 0 ? { uncopied: report.uncopied.slice(0, SHOWN) } : {}),
  };
}

/** What a server that is kept to one namespace may name: memories of that namespace, by id. */
async function namesInScope({ ids }: Args, context: ToolContext) {
  if (context.pinned === undefined) return { names: ids, missing: [] };
  if (ids === undefined || ids.some((id) => id.startsWith("v1::"))) assertMayUsePublic(context);
  const { items, missing } = await getInScope(await context.client(), ids ?? [], context);
  return { names: items.map(({ id }) => id), missing };
}

function showCopy({ id, cid, part, miner, embedded, verdict, proof, inclusion }: CopyReport) {
  return {
    ...{ id, cid, miner, verdict, proof },
    ...(part > 0 ? { part } : {}),
    ...(embedded ? { embedded } : {}),
    ...(inclusion ? { merkle: inclusion.verdict } : {}),
    ...(inclusion?.root === undefined ? {} : { root: inclusion.root, count: inclusion.count }),
  };
}
