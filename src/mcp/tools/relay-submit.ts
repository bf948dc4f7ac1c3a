import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { visible } from "../../node/runtime/visible-text.ts";
import { formatMicroDollars } from "../../relay/payment/micro-dollars.ts";
import { idField } from "../fields.ts";
import { unlisted } from "../portable-schema.ts";
import { clip } from "../present.ts";
import type { RelayDesk } from "../relay-desk.ts";
import { assertMayUsePublic } from "../scope.ts";
import { defineTool, type ToolContext } from "../tool.ts";

const count = z.int().min(0).max(1e9).optional();
const word = z.string().min(1).max(200);

const forMemory = {
  ids: z.array(idField).min(1).max(20),
  query: z.string().min(1).max(8_000),
  quorum: z.boolean(),
};
const forInference = {
  model: word,
  model_version: word,
  prompt: z.string().min(1).max(100_000),
  completion: z.string().min(1).max(16_384),
  finish_reason: z.enum(["stop", "length", "tool", "error"]),
  input_tokens: count,
  output_tokens: count,
  latency_ms: count,
  // For those who name a request themselves; else it is named after its content.
  request_id: z.uuid(),
};
const needed = { memory: ["ids"], inference: ["model", "prompt", "completion"] } as const;

const input = z
  .strictObject({
    type: z.enum(["memory", "inference"]),
    ids: forMemory.ids.optional().describe("own, public"),
    query: forMemory.query.optional().describe("ranks; only its hash is sent"),
    quorum: forMemory.quorum.optional().describe("validators vouch first"),
    model: forInference.model.optional(),
    model_version: forInference.model_version.optional().meta(unlisted),
    prompt: forInference.prompt.optional().describe("only its hash is sent"),
    completion: forInference.completion.optional(),
    finish_reason: forInference.finish_reason.optional().meta(unlisted),
    input_tokens: count.meta(unlisted),
    output_tokens: count.meta(unlisted),
    latency_ms: count.meta(unlisted),
    request_id: forInference.request_id.optional().meta(unlisted),
  })
  .superRefine((args, context) => {
    const complain = (name: string, message: string) => context.addIssue({ code: "custom", path: [name], message });
    const missing = needed[args.type].find(
      (name) => !Object.hasOwn(args, name) || args[name as keyof typeof args] === undefined,
    );
    if (missing) complain(missing, `is needed for type ${args.type}`);
    const other = Object.keys(args.type === "memory" ? forInference : forMemory);
    const foreign = other.find((name) => args[name as keyof typeof args] !== undefined);
    if (foreign) complain(foreign, `does not go with type ${args.type}`);
  });

export type SubmitArgs = z.output<typeof input>;

const output = z.object({
  output_hash: z.string(),
  created: z.boolean(),
  job: z.string().optional(),
  state: z.string().optional(),
  dry_run: z.literal(true).optional(),
});

export const relaySubmitTool = defineTool({
  name: "engram_relay_submit",
  title: "Publish at the gateway",
  description:
    "Publish public memories (type memory: ids) or a model's answer (type inference: model, prompt, completion) to XERIS under your hotkey, paid from the daily budget. The same again is one job. Needs consent.",
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  chargesItself: true,
  refuse: ({ type }, { anonymous }) => {
    if (anonymous !== true || type === "inference") return;
    throw new EngramError("PUBLIC_ONLY", "Who only pays has no memories here", { fix: "Publish with type inference." });
  },
  handler: submit,
});

async function submit(args: SubmitArgs, context: ToolContext): Promise<z.output<typeof output>> {
  if (args.type === "memory") assertMayUsePublic(context);
  const desk = await context.relay.desk();
  const { outputFor, subjectOf } = await import("../relay-output.ts");
  const { frozen, beginning } = await outputFor(args, context);
  if (!desk.relay.live)
    return { dry_run: true, output_hash: (await desk.relay.submit(frozen)).outputHash, created: false };
  const assurance = args.quorum === true ? "quorum" : "author";
  const before = await desk.relay.queued(frozen, assurance);
  // What is queued already publishes and costs nothing more.
  if (before) return { job: before.job, state: before.state, output_hash: before.outputHash, created: false };
  const repeated = await repeatedWords(args, context);
  await context.consent.require({
    act: "relay",
    and: repeated === null ? undefined : "repeat",
    tool: "engram_relay_submit",
    args: { ...args, subject: subjectOf(frozen), repeated },
    summary: `${repeated === null ? "" : `${repeated} `}${await summaryOf(args, beginning, desk)}`,
    reaches: desk.reaches,
  });
  // Nothing that can be refused comes after this: who pays gets what they paid for.
  await context.charge?.();
  const { job, outputHash, created } = await desk.relay.submit(frozen, context.payer, assurance);
  const queued = job === null ? null : await desk.relay.find(job);
  return { ...(queued ? { job: queued.job, state: queued.state } : {}), output_hash: outputHash, created };
}

/** What a person is told where an answer holds words of a private memory of the caller's; null where it does not. */
async function repeatedWords(args: SubmitArgs, { client, anonymous }: ToolContext): Promise<string | null> {
  if (args.type !== "inference" || anonymous === true) return null;
  const { privateOverlap } = await import("../../node/client/private-overlap.ts");
  const texts = [args.model, args.model_version, args.completion].filter((text) => text !== undefined);
  const { found, complete } = await privateOverlap(texts.join("\n"), (await client()).export());
  if (found) return `It repeats your private memory ${found.id}: “${clip(visible(found.words), 200)}”.`;
  return complete ? null : "Not all private memories could be compared with it.";
}

async function summaryOf(args: SubmitArgs, beginning: string, desk: RelayDesk): Promise<string> {
  const { most, left, limit } = await desk.spending();
  const checked = args.quorum === true ? ", which validators check first," : "";
  const what = args.type === "memory" ? `${args.ids?.length ?? 0} public memories${checked}` : "a model's answer";
  const cost =
    limit === 0
      ? "Nothing may be paid for it."
      : `It may cost up to ${formatMicroDollars(most)}; today's budget has ${formatMicroDollars(left)} of ${formatMicroDollars(limit)} left.`;
  const host = URL.parse(desk.gateway)?.host ?? desk.gateway;
  return `Publish ${what} at ${host} for everyone to read, beginning with: “${clip(visible(beginning), 200)}”. ${cost}`;
}
