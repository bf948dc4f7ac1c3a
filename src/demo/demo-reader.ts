import { openChain } from "../node/chain/open-chain.ts";
import { createLogger } from "../node/runtime/logger.ts";
import { type IntelligenceReader, isRefused } from "../relay/intelligence/intelligence-reader.ts";
import { openIntelligence } from "../relay/intelligence/open-intelligence.ts";
import type { CheckedItem } from "../relay/intelligence/types.ts";
import { verifyReceiptChain } from "../relay/receipt.ts";
import type { ReadySubnet } from "./demo-subnet.ts";

const READ_MS = 10_000;
const STREAM_MS = 60_000;

/** What a reader that checks everything itself learns of the demo's subnet. */
export class DemoReader {
  readonly #subnet: ReadySubnet;
  readonly #home: string;

  constructor(subnet: ReadySubnet, home: string) {
    this.#subnet = subnet;
    this.#home = home;
  }

  /** By pull: the rankings that pass every check, oldest first. */
  async rankings(): Promise<readonly CheckedItem[]> {
    return await this.#with(pullRankings);
  }

  /** By stream and by pull: the first of each, and whether the receipts are one chain of the gateway's. */
  async bothWays(): Promise<{
    readonly streamed: string;
    readonly pulled: readonly string[];
    readonly chained: number;
  }> {
    return await this.#with(async (reader) => {
      const streamed = await firstStreamed(reader);
      const items = await pullRankings(reader);
      const receipts = items.map(({ receipt }) => receipt);
      const inRow = receipts.filter(({ gateway_seq: seq }, i) => seq === (receipts[0]?.gateway_seq ?? 0) + i);
      await verifyReceiptChain(inRow, reader.gateway.hotkey);
      return { streamed, pulled: items.map(({ id }) => id), chained: inRow.length };
    });
  }

  async #with<T>(use: (reader: IntelligenceReader) => Promise<T>): Promise<T> {
    const { chain: setting, gateway, payments } = this.#subnet;
    await using chain = openChain(setting, this.#home);
    const environment = {
      XERIS_RELAY_URL: gateway.url,
      ENGRAM_GATEWAY_HOTKEY: gateway.hotkey,
      ...(payments ? { ENGRAM_PAYMENT_RPC_URL: payments.rpcUrl } : {}),
    };
    return await use(await openIntelligence(environment, { chain, log: createLogger({ level: "silent" }) }));
  }
}

async function pullRankings(reader: IntelligenceReader): Promise<readonly CheckedItem[]> {
  const query = { types: ["ranking"], after: 0, limit: 100 } as const;
  return (await reader.read(query, AbortSignal.timeout(READ_MS))).items;
}

async function firstStreamed(reader: IntelligenceReader): Promise<string> {
  const query = { types: ["ranking"], after: 0 } as const;
  for await (const item of reader.follow(query, AbortSignal.timeout(STREAM_MS))) {
    if (!isRefused(item)) return item.id;
  }
  throw new Error("the feed's stream brought nothing in time");
}
