import PQueue from "p-queue";
import pRetry from "p-retry";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { ChainState } from "../gateway/chain-check.ts";
import type { GatewayAddress } from "../submit.ts";
import type { ClaimedItem } from "./feed-wire.ts";
import { followItems } from "./follow-items.ts";
import type { GatewayConnection } from "./gateway-connection.ts";
import { isGatewayTrouble } from "./gateway-replies.ts";
import type { ItemChecker } from "./item-checker.ts";
import type { ReaderLimits } from "./reader-limits.ts";
import { sift } from "./sift.ts";
import type { CheckedItem, IntelligencePage, IntelligenceQuery, IntelligenceSource, RefusedItem } from "./types.ts";

export interface ReaderParts {
  readonly pinned: GatewayAddress;
  readonly gateway: GatewayConnection;
  readonly checker: ItemChecker;
  readonly limits: ReaderLimits;
  readonly log: Logger;
}

const MAX_ITEMS = 100;
const AT_ONCE = 4;

const queryShape = z.object({
  types: z.array(z.enum(["ranking", "memory", "inference"])).optional(),
  minAssurance: z.enum(["quorum", "author", "payer"]).optional(),
  after: z.int().min(0).optional(),
  sinceMs: z.int().min(0).optional(),
  limit: z.int().min(1).max(MAX_ITEMS).optional(),
});

/** Reads a gateway's feed and proves every item itself. */
export class IntelligenceReader implements IntelligenceSource {
  /** Where it reads, and the pinned hotkey whose receipts count. */
  readonly gateway: GatewayAddress;
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.gateway = parts.pinned;
    this.#parts = parts;
  }

  /** Errors: those of `IntelligenceSource`, and `INPUT_INVALID`. */
  async read(query: IntelligenceQuery, signal: AbortSignal): Promise<IntelligencePage> {
    requireQuery(query);
    const { limits, gateway, checker } = this.#parts;
    const late = AbortSignal.timeout(limits.readMs);
    const stop = AbortSignal.any([signal, late]);
    try {
      const found = await gateway.page(query, stop);
      const state = await checker.chainState();
      await checker.holdToCheckpoint(stop);
      return await this.#checkAll(found, query, state, stop);
    } catch (error) {
      signal.throwIfAborted();
      if (!late.aborted || error instanceof EngramError) throw error;
      throw new EngramError("HTTP_TIMEOUT", `the page could not be checked within ${limits.readMs} ms`, {
        fix: "ask for fewer items",
        cause: error,
      });
    }
  }

  /** Errors: those of `IntelligenceSource` that do not pass by themselves, and `INPUT_INVALID`. */
  follow(query: IntelligenceQuery, signal: AbortSignal): AsyncGenerator<CheckedItem | RefusedItem, void> {
    requireQuery(query);
    return followItems(this.#parts, query, signal);
  }

  async #checkAll(
    found: readonly unknown[],
    query: IntelligenceQuery,
    state: ChainState,
    signal: AbortSignal,
  ): Promise<IntelligencePage> {
    let next = query.after ?? 0;
    const queue = new PQueue({ concurrency: AT_ONCE });
    const checks = found.map((value) => {
      const sifted = sift(value, query, next);
      if ("refused" in sifted) {
        next = Math.max(next, sifted.refused.seq);
        return Promise.resolve(sifted.refused);
      }
      next = sifted.claim.seq;
      return queue.add(() => this.#check(sifted.claim, state, signal));
    });
    const checked = await Promise.all(checks);
    return {
      items: checked.filter((item): item is CheckedItem => !isRefused(item)),
      refused: checked.filter(isRefused),
      next,
    };
  }

  /** A gateway that shows the item but not its proof keeps one item back, not the page. */
  async #check(claim: ClaimedItem, state: ChainState, signal: AbortSignal): Promise<CheckedItem | RefusedItem> {
    const { checker } = this.#parts;
    try {
      return await pRetry(() => checker.check(claim, state, signal), {
        retries: 1,
        minTimeout: 200,
        signal,
        shouldRetry: ({ error }) => isGatewayTrouble(error),
      });
    } catch (error) {
      signal.throwIfAborted();
      if (isGatewayTrouble(error)) return { id: claim.id, seq: claim.seq, problem: "withheld" };
      throw error;
    }
  }
}

/** Whether an item was refused. */
export function isRefused(item: CheckedItem | RefusedItem): item is RefusedItem {
  return "problem" in item;
}

function requireQuery(query: IntelligenceQuery): void {
  const parsed = queryShape.safeParse(query);
  if (parsed.success) return;
  const names = [...new Set(parsed.error.issues.map(({ path }) => String(path[0] ?? "the query")))].join(", ");
  throw new EngramError("INPUT_INVALID", `these filters are not understood: ${names}`, {
    fix: `limit is 1 to ${MAX_ITEMS}; after and sinceMs are whole numbers; minAssurance is quorum, author or payer`,
  });
}
