import { openTill } from "../../src/mcp/payments/open-till.ts";
import { readPriceList } from "../../src/mcp/payments/price-list.ts";
import { openRelayDesk } from "../../src/mcp/relay-desk.ts";
import { openChain } from "../../src/node/chain/open-chain.ts";
import { openWallet } from "../../src/node/chain/wallet.ts";
import { walletFolder } from "../../src/node/client/open-client.ts";
import { StoreWorker } from "../../src/node/runtime/store-worker.ts";
import { quiet } from "../support/client-bench.ts";
import { serveForTest } from "../support/mcp-server.ts";

/** A server that sells and is killed when money has moved and before it is written down that a call is owed for it. */
export interface DyingTillOptions {
  readonly folder: string;
  readonly home: string;
  readonly chainFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly prices: Readonly<Record<string, string>>;
}

const { folder, home, chainFolder, environment, prices } = JSON.parse(process.argv[2] ?? "") as DyingTillOptions;
const list = readPriceList(prices);
if (!list) throw new Error("no prices");

const store = StoreWorker.prototype as { call(name: string, input: unknown): Promise<unknown> };
const { call } = store;
store.call = function (name, input) {
  if (name === "beginCall") process.kill(process.pid, "SIGKILL");
  return call.call(this, name, input);
};

const server = await serveForTest({
  ...{ prices: list, consent: { relay: "allow" } },
  relaying: {
    desk: async () => {
      const { hotkey, sign } = await openWallet(walletFolder(home));
      const chain = openChain("local", chainFolder);
      return await openRelayDesk({ folder: home, environment, chain, signer: { hotkey, sign }, log: quiet });
    },
    books: async () => undefined,
    feed: () => Promise.reject(new Error("nobody reads here")),
    owing: async () => [],
  },
  openTill: (priceList, listening) => openTill(folder, priceList, listening, "silent"),
});
process.stdout.write(`${server.url}\n`);
