import { pythonFloat } from "../../../crypto/python-text.ts";
import { listText, objectText, valueText } from "../../protocol/reply-text.ts";
import { adminRoute } from "../admin-access.ts";
import type { WalletStats } from "../wallet-tracker.ts";

/** GET /wallet-stats (spec 8.16), for the operator. */
export const walletsRoute = adminRoute(async ({ wallets }) => {
  const texts = wallets
    .all()
    .map(([hotkey, stats]) =>
      objectText({ hotkey: valueText(hotkey), ...counts(stats), cid_count: String(stats.cids.length) }),
    );
  return { status: 200, text: listText(texts) };
});

/** GET /wallet-stats/{hotkey} (spec 8.16), for the operator; zeros for one that was never seen. */
export const walletRoute = adminRoute(async ({ wallets }, _request, { variable: hotkey }) => {
  const stats = wallets.of(hotkey);
  return { status: 200, text: objectText({ ...counts(stats), cids: listText(stats.cids.map(valueText)) }) };
});

function counts({ ingestCount, queryCount, lastSeen }: WalletStats) {
  return {
    ingest_count: String(ingestCount),
    query_count: String(queryCount),
    last_seen: pythonFloat(lastSeen / 1000),
  };
}
