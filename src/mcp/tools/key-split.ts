import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { KeyShares } from "../../node/client/key-shares/key-shares.ts";
import { namespaceField } from "../fields.ts";
import { allowedNamespace } from "../scope.ts";
import { defineTool, type ToolContext } from "../tool.ts";

const input = z.strictObject({
  namespace: namespaceField.optional(),
  threshold: z.int().min(2).max(255).optional(),
  holders: z.array(z.string().max(64)).min(2).max(255).optional().describe("hotkeys"),
});

type Args = z.output<typeof input>;

const output = z.looseObject({
  fingerprint: z.string(),
  epoch: z.number(),
  stored: z.number(),
  complete: z.boolean(),
  independent: z.boolean(),
});

export const keySplitTool = defineTool({
  name: "engram_key_split",
  title: "Split a key",
  description:
    "Give miners shares of a namespace's key; threshold of them give it back, and together can read it. Replaces older shares. Shows fingerprints only. Needs a person's consent.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  handler: split,
});

async function split(args: Args, context: ToolContext): Promise<z.output<typeof output>> {
  const namespace = allowedNamespace(args.namespace, context);
  const needed = args.threshold ?? "more than half";
  const summary = `Give miners shares of the key of ${JSON.stringify(namespace ?? "main")}: ${needed} of them together can read it`;
  await context.consent.require({ act: "keys", tool: "engram_key_split", args: { ...args, namespace }, summary });
  const shares = await keySharesOf(context);
  const { holders, wireName, ...result } = await shares.split({ ...args, namespace }, { signal: context.signal });
  const failed = holders.filter(({ stored }) => !stored).map(({ hotkey }) => hotkey);
  return { ...result, wire_name: wireName, ...(failed.length > 0 ? { failed } : {}) };
}

/** Throws `NO_MINERS` where the caller's memories know none. */
export async function keySharesOf(context: ToolContext): Promise<KeyShares> {
  const { keyShares } = await context.client();
  if (keyShares) return keyShares;
  throw new EngramError("NO_MINERS", "No miner is known", { fix: "Ask the person to name miners in ENGRAM_MINERS." });
}
