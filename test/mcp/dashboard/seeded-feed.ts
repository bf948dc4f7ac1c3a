import type { IntelligenceFeed } from "../../../src/mcp/intelligence-feed.ts";
import { fenceIntelligence } from "../../../src/relay/intelligence/fence-intelligence.ts";
import type { CheckedItem } from "../../../src/relay/intelligence/types.ts";
import { NO_RECEIPT_HASH, signReceipt } from "../../../src/relay/receipt.ts";
import { newSigner } from "../../relay/relay-kit.ts";

const [gateway, author, other] = [newSigner(), newSigner(), newSigner()];
const CHAIN = "local:4f1c9a2e77b05d31";
const hashOf = (seq: number) => seq.toString(16).padStart(64, "a");

/** A feed of three items and one that is not believed; reading on finds nothing. */
export function seededFeed(now: number): IntelligenceFeed {
  const items = [1, 2, 3].map((seq) => itemOf(seq, now));
  return {
    read: async ({ after = 0, minAssurance = "quorum" }) => ({
      items: items.filter(({ seq, assurance }) => seq > after && (minAssurance !== "quorum" || assurance === "quorum")),
      refused: after > 0 ? [] : [{ id: hashOf(9), seq: 9, problem: "quorum_missing" }],
      next: 9,
    }),
    fence: fenceIntelligence,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function itemOf(seq: number, now: number): CheckedItem {
  const isRanking = seq !== 2;
  const acceptedAtMs = now - (4 - seq) * 12 * 60_000;
  const receipt = signReceipt(
    {
      ...{
        gateway_seq: seq,
        prev_receipt_hash: NO_RECEIPT_HASH,
        signed_hash: hashOf(seq),
        output_hash: hashOf(seq + 16),
      },
      ...{
        output_type: isRanking ? "ranking" : "inference",
        assurance: isRanking ? "quorum" : "author",
        qc_hash: null,
      },
      ...{ accepted_at_block: 45_320 + seq, accepted_at_ms: acceptedAtMs, chain: CHAIN, payment: null },
    },
    gateway,
  );
  return {
    ...{ id: hashOf(seq), seq, netuid: 450, block: 45_300 + seq * 72, chain: CHAIN, receipt, acceptedAtMs },
    ...{ outputType: isRanking ? "ranking" : "inference", assurance: isRanking ? "quorum" : "author" },
    ...{
      author: author.hotkey,
      cosigners: isRanking ? [other.hotkey] : [],
      quorum: isRanking ? { votes: 2, needed: 2 } : null,
    },
    paid: true,
    payerBound: true,
    payment: {
      ...{ payer: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", amount: "1000", network: "eip155:84532" },
      ...{
        asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        transaction: `0x${hashOf(seq)}`,
        bound: true,
        settled: true,
      },
    },
    content: isRanking
      ? {
          scores: {
            "1": { recall: 0.94, latency_ms: 27.1, proof_rate: 1 },
            "2": { recall: 0.91, latency_ms: 36.4, proof_rate: 1 },
          },
        }
      : { model: "m", completion: `<img src=x onerror="window.pwned=3"> The train leaves at 9.12.` },
  };
}
