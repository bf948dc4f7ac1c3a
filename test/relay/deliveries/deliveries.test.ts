import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { FeedItem } from "../../../src/relay/gateway/feed.ts";
import { type Receipt, verifyReceiptChain } from "../../../src/relay/receipt.ts";
import { get, type ReplyBody } from "../gateway/gateway-kit.ts";
import { random } from "../seeded-random.ts";
import { DeliveryScene, PRICE } from "./delivery-scene.ts";
import { makeSubmissions, RawPayer, type RawSubmission } from "./raw-submissions.ts";

/** `npm run deliveries` runs 100,000. */
const COUNT = Number(process.env["ENGRAM_DELIVERIES"] ?? 1_500);
const PAID = Math.ceil(COUNT / 25);
const RELAYED = Math.ceil(COUNT / 100);
const KILLS = Math.max(4, Math.round(COUNT / 2_500));
const AT_ONCE = 24;
const SEED = Number(process.env["ENGRAM_DELIVERY_SEED"] ?? 20_261_129);
/** Answers that leave nothing done and nothing lost: refused for the time being, or asked to pay. */
const PASSING = new Set([402, 425, 503]);

interface Delivery extends RawSubmission {
  readonly gateway: "free" | "priced";
}

/** Everything sent 1 to 5 times, in an order of chance. */
function shuffledCopies(submissions: readonly Delivery[], below: (limit: number) => number): Delivery[] {
  const copies = submissions.flatMap((one) => Array.from({ length: 1 + below(5) }, () => one));
  for (let index = copies.length - 1; index > 0; index -= 1) {
    const other = below(index + 1);
    [copies[index], copies[other]] = [copies[other] as Delivery, copies[index] as Delivery];
  }
  return copies;
}

class Deliverer {
  readonly receipts = new Map<string, string>();
  readonly seen = { sent: 0, lost: 0, accepted: 0, repeated: 0, passing: 0 };
  readonly #scene: DeliveryScene;

  constructor(scene: DeliveryScene) {
    this.#scene = scene;
  }

  /** One delivery; true when a receipt came back. Every receipt of a submission is the same one. */
  async send({ gateway, signedHash, text, payment }: Delivery, pays: boolean): Promise<boolean> {
    await this.#scene.up();
    this.seen.sent += 1;
    const headers: Record<string, string> = pays && payment !== null ? { "payment-signature": payment } : {};
    const url = `${this.#scene[gateway].url}/relay`;
    const reply = await fetch(url, { method: "POST", body: text, headers }).then(
      async (response) => ({ status: response.status, body: (await response.json()) as ReplyBody }),
      () => null,
    );
    if (reply === null) {
      this.seen.lost += 1;
      return false;
    }
    const { status, body } = reply;
    if (PASSING.has(status)) {
      this.seen.passing += 1;
      return false;
    }
    if (status !== 200 && status !== 201) throw new Error(`${status} ${body.error}`);
    this.seen[status === 201 ? "accepted" : "repeated"] += 1;
    const hash = body.receipt?.receipt_hash ?? "";
    if ((this.receipts.get(signedHash) ?? hash) !== hash) throw new Error("two receipts of one submission");
    this.receipts.set(signedHash, hash);
    return true;
  }

  /** Sends until there is a receipt, as a relay does. */
  async insist(delivery: Delivery): Promise<void> {
    while (!(await this.send(delivery, true))) await delay(5);
  }
}

/** Runs `work` on every item, some at once. */
async function forAll<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function pages<T>(read: (after: number) => Promise<{ items: readonly T[]; next: number }>): Promise<T[]> {
  const found: T[] = [];
  for (let after = 0; ; ) {
    const { items, next } = await read(after);
    if (items.length === 0) return found;
    found.push(...items);
    after = next;
  }
}

test(`${COUNT} submissions, each sent 1 to 5 times with crashes in between, take effect and are charged once`, async () => {
  const below = random(SEED);
  await using scene = await DeliveryScene.open(() => below(20) === 0);
  await scene.startGateways();
  const payer = new RawPayer();
  scene.money.fund(payer.address, PAID * PRICE * 2);
  const free = (await makeSubmissions(scene.kit, COUNT - PAID - RELAYED, "free")).map(
    (one): Delivery => ({ ...one, gateway: "free" }),
  );
  const paid: Delivery[] = [];
  for (const one of await makeSubmissions(scene.kit, PAID, "paid")) {
    paid.push({ ...one, gateway: "priced", payment: await payer.header(scene.payTo, PRICE) });
  }
  const deliverer = new Deliverer(scene);
  let relay = await scene.startRelay(RELAYED);

  const copies = shuffledCopies([...free, ...paid], below);
  const every = Math.floor(copies.length / (KILLS + 1));
  let crashes: Promise<void> = Promise.resolve();
  let [sent, kills] = [0, 0];
  await forAll(copies, async (delivery) => {
    sent += 1;
    // In between, while others are on their way: the one process and the other by turns.
    if (sent % every === 0) {
      kills += 1;
      const isRelays = kills % 2 === 0;
      crashes = crashes.then(async () => {
        if (!isRelays) return await scene.killGateways();
        await scene.killRelay();
        relay = await scene.startRelay(RELAYED);
      });
    }
    // Some clients forget that they signed a payment.
    await deliverer.send(delivery, below(4) > 0);
  });
  await crashes;
  await forAll([...free, ...paid], (delivery) => deliverer.insist(delivery));
  expect(await relay.done).toBe("done");

  for (const [name, expected] of [
    ["free", free],
    ["priced", paid],
  ] as const) {
    const gateway = scene[name];
    const receipts = await pages<Receipt>(async (after) => {
      const page = await get<{ receipts: Receipt[]; next: number }>(gateway, `/v1/receipts?after=${after}&limit=100`);
      return { items: page.receipts, next: page.next };
    });
    await verifyReceiptChain(receipts, gateway.hotkey);
    expect(receipts[0]?.gateway_seq).toBe(1);
    const hashes = receipts.map(({ signed_hash }) => signed_hash);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes.length).toBe(expected.length + (name === "priced" ? RELAYED : 0));
    const byHash = new Map(receipts.map(({ signed_hash, receipt_hash }) => [signed_hash, receipt_hash]));
    for (const { signedHash } of expected) expect(byHash.get(signedHash)).toBe(deliverer.receipts.get(signedHash));
    const items = await pages<FeedItem>(async (after) => {
      const query = `min_assurance=author&since=${after}&limit=100`;
      const page = await get<{ external_intelligence: FeedItem[]; next: number }>(
        gateway,
        `/v1/external-intelligence?${query}`,
      );
      return { items: page.external_intelligence, next: page.next };
    });
    expect(items.map(({ id }) => id)).toEqual(hashes);
    expect(receipts.filter(({ payment }) => payment !== null).length).toBe(name === "priced" ? hashes.length : 0);
  }
  // Exactly one price for each, in spite of lost answers, kills and repetitions.
  expect(scene.money.transfers).toBe(PAID + RELAYED);
  expect(scene.money.balance(scene.payTo)).toBe((PAID + RELAYED) * PRICE);
  expect(scene.money.balance(payer.address)).toBe(PAID * PRICE);
  const { lost, repeated, passing } = deliverer.seen;
  expect(Math.min(lost, repeated, passing)).toBeGreaterThan(0);
}, 7_200_000);
