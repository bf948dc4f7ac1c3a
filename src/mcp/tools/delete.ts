import { z } from "zod";
import type { MemoryClient } from "../../node/client/memory.ts";
import { FREE_DELETES } from "../../node/commands/consent.ts";
import { idField, namespaceField } from "../fields.ts";
import { allowedNamespace, getInScope } from "../scope.ts";
import { defineTool, type ToolContext } from "../tool.ts";

/** A namespace may hold more ids than an answer should. */
const shownIds = 100;

const input = z
  .strictObject({
    ids: z.array(idField).min(1).max(100).optional(),
    namespace: namespaceField.optional().describe("forget all of it"),
  })
  .refine((args) => (args.ids === undefined) !== (args.namespace === undefined), "send either ids or namespace");

type Args = z.output<typeof input>;

const output = z.object({
  deleted: z.array(z.string()),
  count: z.number(),
  missing: z.array(z.string()),
  local: z.literal(true),
  replicas: z.object({ deleted: z.number(), pending: z.number(), impossible: z.number() }),
});

export const deleteTool = defineTool({
  name: "engram_delete",
  title: "Forget",
  description: `Forget memories for good, here and on every miner that holds copies. More than ${FREE_DELETES} need a person's consent.`,
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
  handler: forget,
});

async function forget(args: Args, context: ToolContext): Promise<z.output<typeof output>> {
  const { target, missing } = await targetOf(args, context);
  if ("ids" in target && target.ids.length === 0) return nothing(missing);
  const client = await context.client();
  const count = await client.countForDelete(target);
  if (count > FREE_DELETES) {
    await context.consent.require({ act: "delete", tool: "engram_delete", args, summary: summary(args, count) });
  }
  const result = await client.delete(target);
  return {
    deleted: result.deleted.slice(0, shownIds),
    count: result.deleted.length,
    missing: [...missing, ...result.missing],
    local: true,
    replicas: result.replicas,
  };
}

type Target = Parameters<MemoryClient["delete"]>[0];

async function targetOf(
  args: Args,
  context: ToolContext,
): Promise<{ readonly target: Target; readonly missing: readonly string[] }> {
  if (args.namespace !== undefined) {
    return { target: { namespace: allowedNamespace(args.namespace, context) ?? args.namespace }, missing: [] };
  }
  const ids = args.ids ?? [];
  if (context.pinned === undefined) return { target: { ids }, missing: [] };
  const { items, missing } = await getInScope(await context.client(), ids, context);
  return { target: { ids: items.map(({ id }) => id) }, missing };
}

function nothing(missing: readonly string[]): z.output<typeof output> {
  const replicas = { deleted: 0, pending: 0, impossible: 0 };
  return { deleted: [], count: 0, missing: [...missing], local: true, replicas };
}

function summary(args: Args, count: number): string {
  const place = args.namespace === undefined ? "" : `, all of the namespace ${JSON.stringify(args.namespace)}`;
  return `Forget ${count} memories for good${place}`;
}
