import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { LIMITS } from "../../node/client/limits.ts";
import type { NewMemory } from "../../node/client/memory.ts";
import { assertNoSecrets } from "../../node/client/secret-scan.ts";
import { visible } from "../../node/runtime/visible-text.ts";
import { dateField, idField, metadataField, nameField, namespaceField, textField } from "../fields.ts";
import { unlisted } from "../portable-schema.ts";
import { clip } from "../present.ts";
import { allowedNamespace, assertInScope, assertMayUsePublic } from "../scope.ts";
import { defineTool, type ToolContext } from "../tool.ts";

const about = {
  speaker: nameField.optional(),
  session: nameField.optional(),
  at: dateField.optional(),
  metadata: metadataField.optional(),
};

const input = z
  .strictObject({
    text: textField.optional(),
    items: z
      .array(z.strictObject({ text: textField, ...about }))
      .min(1)
      .max(50)
      .optional(),
    // For a single text, and for items that do not say it themselves.
    speaker: about.speaker.meta(unlisted),
    session: about.session.meta(unlisted),
    at: about.at.meta(unlisted),
    metadata: about.metadata.meta(unlisted),
    namespace: namespaceField.optional(),
    public: z.boolean().optional(),
    ttl: z.int().min(1).max(LIMITS.ttlSeconds).optional().describe("seconds"),
    replaces: idField.optional().describe("id"),
    dedupe: z.boolean().default(true),
  })
  .refine((args) => (args.text === undefined) !== (args.items === undefined), "send either text or items")
  .refine((args) => args.replaces === undefined || (args.items?.length ?? 1) === 1, {
    path: ["replaces"],
    message: "goes with a single text",
  });

type Args = z.output<typeof input>;

const output = z.object({
  stored: z.array(z.object({ id: z.string(), deduped: z.literal(true).optional(), parts: z.number().optional() })),
  replicas: z.object({ have: z.number(), target: z.number(), possible: z.number() }),
  note: z.string().optional(),
});

export const storeTool = defineTool({
  name: "engram_store",
  title: "Remember",
  description:
    "Store facts, decisions, preferences or conversation turns, verbatim and private. Say who (speaker), when (at: local ISO date) and about what in the text.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  handler: store,
});

async function store(args: Args, context: ToolContext): Promise<z.output<typeof output>> {
  const items = itemsOf(args);
  const namespace = allowedNamespace(args.namespace, context);
  if (args.public) {
    assertMayUsePublic(context);
    await assertNoSecrets(items);
    await context.consent.require({ act: "public", tool: "engram_store", args, summary: publishing(items) });
  }
  const client = await context.client();
  if (args.replaces !== undefined) await assertInScope(client, args.replaces, context);
  const { stored, replicas } = await client.store({
    items,
    session: context.session,
    dedupe: args.dedupe,
    ...(namespace === undefined ? {} : { namespace }),
    ...(args.public === undefined ? {} : { public: args.public }),
    ...(args.ttl === undefined ? {} : { ttlSeconds: args.ttl }),
    ...(args.replaces === undefined ? {} : { replaces: args.replaces }),
  });
  return {
    stored: stored.map((one) => ({ ...one })),
    replicas,
    ...(replicas.possible === 0 ? { note: "local only: no miner can hold copies" } : {}),
  };
}

/** What is said beside the items holds for each that does not say it itself. */
function itemsOf(args: Args): readonly NewMemory[] {
  const shared = pick(args);
  const items = args.items ?? (args.text === undefined ? [] : [{ text: args.text }]);
  if (items.length === 0) throw new EngramError("INVALID_ARGUMENTS", "there is no text to store");
  return items.map((item) => ({ text: item.text, ...shared, ...pick(item) }));
}

function pick(item: Pick<Args, "speaker" | "session" | "at" | "metadata">): Omit<NewMemory, "text"> {
  return {
    ...(item.speaker === undefined ? {} : { speaker: item.speaker }),
    ...(item.session === undefined ? {} : { session: item.session }),
    ...(item.at === undefined ? {} : { at: item.at }),
    ...(item.metadata === undefined ? {} : { metadata: item.metadata }),
  };
}

function publishing(items: readonly NewMemory[]): string {
  const [first] = items;
  const count = items.length === 1 ? "this memory" : `${items.length} memories`;
  return `Publish ${count} for everyone to read, beginning with: “${clip(visible(first?.text ?? ""), 200)}”`;
}
