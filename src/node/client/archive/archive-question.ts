import type { ArchivePlan } from "./archives.ts";

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
  const where = input.public ? "for everyone to read" : "encrypted; forgetting the memory makes it unreadable";
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
