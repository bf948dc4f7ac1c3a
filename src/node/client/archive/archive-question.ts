import type { ArchiveSettings } from "../../archive/archive-settings.ts";
import type { ArchiveInput, ArchivePlan, QuestionAhead } from "./archives.ts";
import { assertMaySpend } from "./quote.ts";

const WINSTON_PER_AR = 1_000_000_000_000n;

/** An amount as people read it: at most twelve decimals, without those that say nothing. */
function formatAr(winston: number): string {
  const amount = BigInt(winston);
  const decimals = (amount % WINSTON_PER_AR).toString().padStart(12, "0").replace(/0+$/, "");
  return `${amount / WINSTON_PER_AR}${decimals === "" ? "" : `.${decimals}`} AR`;
}

/** What a person decides by. Undefined where nothing is uploaded and nothing becomes public. */
export function archiveQuestion(plan: ArchivePlan): string | undefined {
  const { cost, bytes, input, seenBy } = plan;
  const where = whereOf(input);
  const what = `${JSON.stringify(input.source.slice(0, 200))} (${bytes.byteLength} bytes)`;
  const shown = seenBy === undefined ? "" : ` The image is shown to ${seenBy}, which describes it.`;
  if (cost.kind === "off") {
    if (input.public) return `Publish the text of ${what} for everyone to read.${shown}`;
    return shown === "" ? undefined : `Remember ${what}.${shown}`;
  }
  const price =
    cost.kind === "priced"
      ? `It costs about ${formatAr(cost.winston)}, at most ${formatAr(cost.maxWinston)}`
      : `The price is not known now; at most ${formatAr(cost.maxWinston)} will be paid`;
  return `Archive ${what} on Arweave, ${where}. The bytes stay there for ever, nobody can take them back. ${price}.${shown}`;
}

/** The same before a page is fetched, of which nothing is known but its address. Errors: `ARCHIVE_BUDGET`. */
export function questionAhead(input: ArchiveInput, settings: ArchiveSettings): QuestionAhead {
  assertMaySpend(settings);
  const uploads = settings.key !== undefined;
  const maxWinston = uploads ? settings.dailyWinston : 0;
  const seenBy = input.description === undefined ? settings.vision?.baseUrl : undefined;
  // Whole: what it may carry to its server stands at the end as well as at the start.
  const fetched = `Fetch ${JSON.stringify(input.source)}, whose server is told this address, and remember what it says`;
  const published = input.public && !uploads ? ", for everyone to read" : "";
  const kept = uploads
    ? ` Archive it on Arweave, ${whereOf(input)}. The bytes stay there for ever, nobody can take them back. It costs at most ${formatAr(maxWinston)}.`
    : "";
  const shown = seenBy === undefined ? "" : ` If it is an image, it is shown to ${seenBy}, which describes it.`;
  return {
    question: `${fetched}${published}.${kept}${shown}`,
    maxWinston,
    reaches: [input.source, ...(uploads ? [settings.gateway] : []), ...(seenBy === undefined ? [] : [seenBy])],
  };
}

function whereOf(input: ArchiveInput): string {
  return input.public ? "for everyone to read" : "encrypted; forgetting the memory makes it unreadable";
}
