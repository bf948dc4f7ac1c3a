import type { ChainClient } from "../ports.ts";
import { MetricSet, together } from "../runtime/metric-set.ts";

/** A scrape has its own deadline, commonly ten seconds. */
const ANSWER_MS = 4_000;

/** Whether the chain answers, and how far it is. It is asked when somebody scrapes, and then once. */
export function chainMetrics(chain: Pick<ChainClient, "head" | "finalized">): MetricSet {
  const metrics = new MetricSet();
  const blocks = together(async () => {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("late")), ANSWER_MS);
    try {
      const [head, finalized] = await Promise.race([Promise.all([chain.head(), chain.finalized()]), late]);
      return { head: head.number, finalized: finalized.number };
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  });
  metrics.reading("engram_chain_connected", "1 while the chain answers", async () => ((await blocks()) ? 1 : 0));
  metrics.reading("engram_chain_head_block", "The newest block", async () => (await blocks())?.head ?? null);
  metrics.reading(
    "engram_chain_finalized_block",
    "The newest block that is final",
    async () => (await blocks())?.finalized ?? null,
  );
  return metrics;
}
