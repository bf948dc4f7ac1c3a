import { z } from "zod";
import { namespaceField } from "../fields.ts";
import { allowedNamespace } from "../scope.ts";
import { defineTool, type ToolContext } from "../tool.ts";
import { keySharesOf } from "./key-split.ts";

const input = z
  .strictObject({
    namespace: namespaceField.optional(),
    wire_name: z.string().min(1).max(128).optional().describe("if the name was forgotten"),
  })
  .refine(
    (args) => args.namespace === undefined || args.wire_name === undefined,
    "send namespace or wire_name, not both",
  );

type Args = z.output<typeof input>;

const output = z.looseObject({
  fingerprint: z.string(),
  epoch: z.number(),
  valid: z.number(),
  key: z.enum(["held", "saved"]),
});

export const keyRecoverTool = defineTool({
  name: "engram_key_recover",
  title: "Recover a key",
  description:
    "Rebuild a namespace's key from miners' shares and check it. Held: the wallet has it; saved: written to a file here. Shows fingerprints only. Needs a person's consent.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  handler: recover,
});

async function recover(args: Args, context: ToolContext): Promise<z.output<typeof output>> {
  // A pinned server recovers its own namespace alone: a wire name could be any other's.
  const namespace = allowedNamespace(args.wire_name === undefined ? args.namespace : args.wire_name, context);
  const wanted = args.wire_name === undefined ? { namespace } : { wireName: args.wire_name };
  const summary = `Recover the key of ${JSON.stringify(args.wire_name ?? namespace ?? "main")} from miners to this machine`;
  await context.consent.require({ act: "keys", tool: "engram_key_recover", args: { ...args, ...wanted }, summary });
  const shares = await keySharesOf(context);
  const { wireName, fingerprint, epoch, threshold, total, valid, key, holders } = await shares.recover(wanted, {
    signal: context.signal,
  });
  const answers = Object.fromEntries(holders.map(({ hotkey, answer }) => [hotkey, answer]));
  return { wire_name: wireName, fingerprint, epoch, threshold, total, valid, key, holders: answers };
}
