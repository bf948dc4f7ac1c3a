import { setTimeout as delay } from "node:timers/promises";
import { loadSr25519 } from "../../../src/crypto/sr25519.ts";
import { type Hotkey, hotkeyOf } from "../../../src/crypto/ss58.ts";
import { LocalChain } from "../../../src/node/chain/local/local-chain.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import { PaymentBuyer } from "../../../src/relay/payment/payment-buyer.ts";
import { BASE_SEPOLIA_USDC } from "../../../src/relay/payment/payment-tokens.ts";
import { Relay } from "../../../src/relay/relay.ts";
import { moneyAt } from "./money-over-http.ts";
import { answered } from "./outputs.ts";

/** A relay that submits so many outputs and pays for them, to be killed. */
export interface RelayProcessOptions {
  readonly chain: string;
  readonly folder: string;
  readonly gateway: { readonly url: string; readonly hotkey: Hotkey };
  readonly money: string;
  readonly count: number;
  /** By how much its clock is ahead: a lease of one that was killed has ended. */
  readonly aheadMs: number;
}

const {
  chain: path,
  folder,
  gateway,
  money,
  count,
  aheadMs,
} = JSON.parse(process.argv[2] ?? "") as RelayProcessOptions;
let ahead = aheadMs;
const clock = { ...systemClock, now: () => Date.now() + ahead };
const sr25519 = await loadSr25519();
const pair = sr25519.pairFromSeed(new Uint8Array(32).fill(42));
const signer = { hotkey: hotkeyOf(pair.publicKey), sign: (message: Uint8Array) => sr25519.sign(pair, message) };
const limits = { dailyBudget: 1e9, maxPayment: 1e6, tokens: [BASE_SEPOLIA_USDC] };
const payer = await PaymentBuyer.open({ home: folder, settings: limits, chain: moneyAt(money), clock });
process.stdout.write(`${payer.address}\n`);
const relay = new Relay({
  home: folder,
  settings: { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000, gateway },
  signer,
  chain: new LocalChain({ path }),
  http: createHttpClient(),
  sr25519,
  log: createLogger({ level: "silent" }),
  payer,
  clock,
});

async function isUp(): Promise<boolean> {
  return await fetch(`${gateway.url}/health`).then(
    ({ ok }) => ok,
    () => false,
  );
}

for (let index = 0; index < count; index += 1) await relay.submit(answered(`relayed ${index}`));
for (let delivered = 0; delivered < count; ) {
  // Attempts are limited: none is spent on a gateway that is known to be dead.
  while (!(await isUp())) await delay(20);
  await relay.tick();
  const now = (await relay.status()).states.delivered;
  // What waits for its next attempt waits in its own time.
  if (now === delivered) ahead += 11_000;
  delivered = now;
}
process.stdout.write("done\n");
process.stdin.resume();
