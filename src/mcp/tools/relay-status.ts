import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { nearest } from "../nearest.ts";
import { showBudget, showSubmission, showSubmissionLine } from "../present-submission.ts";
import { defineTool, type ToolContext } from "../tool.ts";

const input = z.strictObject({
  job: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .optional()
    .describe("job or signed_hash; without it, counts and the latest jobs"),
});

const output = z.looseObject({});

/** Jobs in an overview; among more of them a misspelt one is looked for. */
const shown = 10;
const searched = 200;

export const relayStatusTool = defineTool({
  name: "engram_relay_status",
  title: "Relay status",
  description: "What was published at the gateway or is on its way: state, receipt, payment, and the day's budget.",
  input,
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  refuse: ({ job }, { anonymous }) => {
    if (anonymous !== true || job !== undefined) return;
    throw new EngramError("PUBLIC_ONLY", "Jobs of others are not listed", { fix: "Send the job you were given." });
  },
  handler: ({ job }, context) => (job === undefined ? overview(context) : one(job, context)),
});

/** A job, or undefined where there is none. */
export async function findSubmission(job: string, { relay }: Pick<ToolContext, "relay">) {
  return await (await relay.books())?.find(job);
}

async function one(job: string, context: ToolContext) {
  const found = await findSubmission(job, context);
  if (found) return showSubmission(found);
  const latest = (await (await context.relay.books())?.latest(searched)) ?? [];
  const near = nearest(
    job,
    latest.map((submission) => submission.job),
  );
  throw new EngramError("RELAY_JOB_UNKNOWN", `There is no job ${JSON.stringify(job)} here`, {
    fix: near === undefined ? "Call engram_relay_status without job for the latest ones." : `Did you mean ${near}?`,
  });
}

async function overview({ relay }: ToolContext) {
  const books = await relay.books();
  if (!books) return { states: {}, jobs: [], note: "nothing was relayed yet" };
  const [{ states }, latest, budget] = await Promise.all([books.status(), books.latest(shown), books.budget()]);
  return {
    states: Object.fromEntries(Object.entries(states).filter(([, count]) => count > 0)),
    jobs: latest.map(showSubmissionLine),
    budget: showBudget(budget),
  };
}
