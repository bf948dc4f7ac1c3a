import { availableParallelism } from "node:os";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { defaultLocalChainSettings } from "../../src/node/chain/local/local-chain-settings.ts";
import { gasKeyPath } from "../../src/relay/gateway/payment-settlement.ts";
import { openPaymentKey } from "../../src/relay/payment/payment-key.ts";
import { makeSubmissions, RawPayer, type RawSubmission } from "../../test/relay/deliveries/raw-submissions.ts";
import { GatewayKit, type MadeSubmission, post } from "../../test/relay/gateway/gateway-kit.ts";
import { newAddress, openMoney } from "../../test/relay/payment/money.ts";
import { bareVerifications } from "../bare-verifications.ts";
import { emitToFeed } from "../emit-to-feed.ts";
import { type Result, result } from "../report.ts";

const UNPAID = 800;
const PAID = 96;
const AT_ONCE = 64;
const PRICE = 1_000;
const FREE_OF_LIMITS = { burst: 1e9, perSecond: 1e9 };

/**
 * Submissions a second that a gateway accepts over TCP: unpaid ones of three signatures each, beside a third of what the
 * bare library verifies on as many threads; paid ones, beside payments that the same facilitator settles alone; and
 * the time from a relay's queue to a reader's stream, with finality stepped here.
 */
export async function gateway(): Promise<readonly Result[]> {
  return [await unpaid(), await paid(), await emitToFeed()];
}

async function unpaid(): Promise<Result> {
  const sr25519 = await loadSr25519();
  const threads = Math.max(1, availableParallelism() - 1);
  await using kit = await GatewayKit.open({ ...defaultLocalChainSettings, blocks: "stepped", finalityLag: 3 });
  const made: MadeSubmission[] = [];
  for (let index = 0; index < UNPAID; index += 1) {
    made.push(await kit.memory({ cosigners: kit.validators.slice(1, 3) }));
  }
  await using running = await kit.start({ config: { rateLimit: FREE_OF_LIMITS } });
  // The pool's threads start with the first of them.
  await post(running, (await kit.memory({ cosigners: kit.validators.slice(1, 3) })).text);
  const rate = await perSecond(made, async ({ text }) => {
    const { status, body } = await post(running, text);
    if (status !== 201) throw new Error(`${status} ${body.error}`);
  });
  const bare = await bareVerifications(sr25519, threads);
  const name = `a third of the bare wasm-crypto verifications, ${threads} thread${threads === 1 ? "" : "s"}`;
  return result("gateway: unpaid submissions of 3 signatures", "1/s", rate, { name, value: bare / 3 });
}

async function paid(): Promise<Result> {
  await using kit = await GatewayKit.open();
  await using money = await openMoney();
  const { token, url: rpcUrl } = money.evm;
  const payTo = newAddress();
  const payer = new RawPayer();
  await money.evm.fund(payer.address, PRICE * PAID * 3);
  const bare = await settleAlone(money, payer);
  const pricing = { price: PRICE, payTo, token, rpcUrl, facilitatorUrl: undefined, stateFolder: undefined };
  const config = { ...kit.config(), pricing, rateLimit: FREE_OF_LIMITS };
  await money.evm.fundGas((await openPaymentKey(gasKeyPath(config.folder))).address);
  await using running = await kit.start({ config });
  const made: RawSubmission[] = [];
  for (const one of await makeSubmissions(kit, PAID, "bench")) {
    made.push({ ...one, payment: await payer.header(payTo, PRICE) });
  }
  const rate = await perSecond(made, async ({ text, payment }) => {
    const { status, body } = await post(running, text, { "payment-signature": payment ?? "" });
    if (status !== 201) throw new Error(`${status} ${body.error}`);
  });
  return result("gateway: paid submissions", "1/s", rate, { name: "payments settled alone", value: bare });
}

async function settleAlone(money: Awaited<ReturnType<typeof openMoney>>, payer: RawPayer): Promise<number> {
  const payTo = newAddress();
  const headers: string[] = [];
  for (let index = 0; index < PAID; index += 1) headers.push(await payer.header(payTo, PRICE));
  return await perSecond(headers, async (header) => {
    const payment = JSON.parse(atob(header)) as { readonly accepted: object };
    const { success, errorReason } = await money.facilitator.settle(payment, payment.accepted);
    if (!success) throw new Error(errorReason ?? "not settled");
  });
}

/** How many a second are worked on, some at once. */
async function perSecond<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<number> {
  const queue = items.values();
  const began = performance.now();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return items.length / ((performance.now() - began) / 1_000);
}
