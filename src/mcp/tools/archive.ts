import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { ArchiveInput, QuestionAhead } from "../../node/client/archive/archives.ts";
import { isUrl } from "../../node/client/archive/read-source.ts";
import { visible } from "../../node/runtime/visible-text.ts";
import { metadataField, namespaceField, textField } from "../fields.ts";
import { allowedNamespace, assertMayUsePublic } from "../scope.ts";
import { defineTool, type ToolContext } from "../tool.ts";

const input = z.strictObject({
  source: z.string().min(1).max(2_000).describe("file path or http(s) URL"),
  description: textField.optional().describe("what it shows; for images"),
  namespace: namespaceField.optional(),
  public: z.boolean().optional(),
  metadata: metadataField.optional(),
});

type Args = z.output<typeof input>;

const output = z.looseObject({
  id: z.string(),
  content_cid: z.string(),
  archive: z.looseObject({ state: z.string() }),
});

export const archiveTool = defineTool({
  name: "engram_archive",
  title: "Archive",
  description:
    "Remember a file or page (text, HTML, PDF, image) by its text, and keep its bytes on Arweave for ever: encrypted, unless public. Paid by the person's wallet where one is set up. Needs a person's consent.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  handler: archive,
});

async function archive(args: Args, context: ToolContext): Promise<z.output<typeof output>> {
  const namespace = allowedNamespace(args.namespace, context);
  if (args.public) assertMayUsePublic(context);
  const isFile = !isUrl(args.source);
  if (isFile && !context.mayReadFiles) {
    throw new EngramError("ARCHIVE_SOURCE", "over HTTP no files are read", {
      fix: "Give an http or https URL, or ask the person to run `engram archive FILE`.",
    });
  }
  const { archives } = await context.client();
  if (!archives) throw new EngramError("ARCHIVE_OFF", "nothing can be archived here", { fix: "Use engram_store." });
  const { signal } = context;
  const wanted = inputOf(args, namespace, context.session);
  // An address can carry words out: nothing is fetched before a person saw it.
  if (!isFile) await ask(args, context, namespace, archives.questionAhead(wanted));
  const plan = await archives.plan(wanted, { signal });
  if (isFile) {
    const question = archives.question(plan) ?? `Read ${JSON.stringify(args.source)} and remember it`;
    const maxWinston = plan.cost.kind === "off" ? 0 : plan.cost.maxWinston;
    await ask(args, context, namespace, { question, maxWinston, reaches: archives.reaches(plan) });
  }
  const made = await archives.store(plan, { signal });
  const { id, deduped, type, title, pages, characters, contentCid } = made;
  const { transactionId, url, winston, state } = made.archive;
  return {
    ...{ id, deduped, type, characters, pages },
    // The title is a stranger's text.
    title: title === undefined ? undefined : visible(title),
    content_cid: contentCid,
    archive: { state, arweave_tx_id: transactionId, arweave_url: url, winston },
    ...(state === "off" ? { note: "nothing was uploaded: no Arweave wallet is configured" } : {}),
  };
}

async function ask(
  args: Args,
  { consent }: ToolContext,
  namespace: string | undefined,
  { question, maxWinston, reaches }: QuestionAhead,
): Promise<void> {
  await consent.require({
    act: "archive",
    and: args.public ? "public" : undefined,
    tool: "engram_archive",
    args: { ...args, namespace, limit: maxWinston },
    summary: visible(question),
    reaches,
  });
}

function inputOf(args: Args, namespace: string | undefined, session: string): ArchiveInput {
  const { source, description, metadata } = args;
  return {
    ...{ source, session },
    ...(namespace === undefined ? {} : { namespace }),
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(args.public ? { public: true } : {}),
  };
}
