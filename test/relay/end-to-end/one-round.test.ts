import { afterAll, beforeAll, expect, test } from "vitest";
import { readPayload } from "../../../src/relay/payload/read-payload.ts";
import { verifyCosignature } from "../../../src/relay/payload/verify-payload.ts";
import { verifyReceipt } from "../../../src/relay/receipt.ts";
import type { RelayingValidator } from "../../../src/relay/validator/start-relaying-validator.ts";
import { get } from "../gateway/gateway-kit.ts";
import { sr25519 } from "../relay-kit.ts";
import { FUNDS, PaidSubnet, PRICE, proposers, runAll } from "./paid-subnet.ts";

let subnet: PaidSubnet;
let one: RelayingValidator;
let two: RelayingValidator;
beforeAll(async () => {
  subnet = await PaidSubnet.open();
  await subnet.miner("miner-1");
  await subnet.miner("miner-2");
  one = await subnet.validator("validator-1");
  two = await subnet.validator("validator-2");
  await subnet.served.chain.step(10);
}, 120_000);
afterAll(() => subnet[Symbol.asyncDispose]());

async function balance({ payer }: RelayingValidator): Promise<number> {
  return payer === null ? Number.NaN : await subnet.evm.balance(payer);
}

test("one round: agreed, weighed, and after finality relayed with two signatures, paid once, by the first proposer", async () => {
  await runAll(subnet, [one, two]);
  const { chain } = subnet.served;
  const weights = await chain.weights((await chain.head()).number);
  const uids = await Promise.all([one, two].map(({ hotkey }) => chain.uidOf(hotkey)));
  for (const uid of uids) expect([...(weights.get(uid ?? -1)?.values() ?? [])].some((weight) => weight > 0)).toBe(true);

  const [first, second] = await proposers(subnet, one, two);
  const tick = async (ms: number) => {
    subnet.clock.ahead += ms;
    expect(await first.relay.tick()).toBe(true);
    expect(await second.relay.tick()).toBe(true);
  };
  // By the time that the chain shows the weights, the round's block is three blocks deep, too.
  expect(await first.relay.list()).toMatchObject([{ state: "held", signedHash: null }]);
  await tick(0);

  const [delivered] = await first.relay.list();
  expect(delivered).toMatchObject({ state: "delivered", outputType: "ranking", attempts: 0, lastHttpCode: 201 });
  const receipt = await verifyReceipt(delivered?.receipt, subnet.gateway.hotkey, delivered?.signedHash ?? "");
  expect(receipt).toMatchObject({
    gateway_seq: 1,
    assurance: "quorum",
    output_hash: delivered?.outputHash,
    payment: { payer: first.payer, amount: `${PRICE}`, bound: true },
  });
  expect(receipt.accepted_at_block).toBeGreaterThanOrEqual(delivered?.block ?? Number.POSITIVE_INFINITY);
  const payload = readPayload(delivered?.body ?? "");
  expect(delivered?.cosignatures).toMatchObject([{ validator_hotkey: second.hotkey }]);
  expect(delivered?.cosignatures.map((found) => verifyCosignature(sr25519, payload, found))).toEqual([true]);

  // The other's copy of the round ends unsigned: its signature is on the first one's. Nor does its turn bring it back.
  const given = [{ state: "skipped", lastError: "round_taken", signedHash: null, firstSubmitAt: null }];
  expect(await second.relay.list()).toMatchObject(given);
  await chain.step(5);
  await tick(60_000);
  expect(await second.relay.list()).toMatchObject(given);

  expect(await subnet.evm.balance(subnet.payTo)).toBe(PRICE);
  expect(await balance(first)).toBe(FUNDS - PRICE);
  expect(await balance(second)).toBe(FUNDS);
  const { external_intelligence: items } = await get<{ readonly external_intelligence: readonly object[] }>(
    subnet.gateway,
    "/v1/external-intelligence",
  );
  expect(items).toHaveLength(1);
  expect(await first.relay.status()).toMatchObject({ enabled: true, total_ok: 1, total_failed: 0 });
}, 120_000);

test("a validator in a dry run sends nothing and pays nothing, but its signature completes the others' quorum", async () => {
  const { chain } = subnet.served;
  // Miners take no request from the future.
  const { ahead } = subnet.clock;
  subnet.clock.ahead = 0;
  const three = await subnet.validator("validator-3", { ENGRAM_RELAY_ENABLED: "0" });
  expect({ payer: three.payer, live: three.relay.live }).toEqual({ payer: null, live: false });
  await chain.step(50);
  const all = [one, two, three];
  await runAll(subnet, all);
  await chain.step(20);
  subnet.clock.ahead = ahead + 3 * 60_000;
  // Of three validators all must sign: whoever proposes needs the silent one.
  for (const { relay } of [one, two]) await relay.tick();
  const newest = (await Promise.all([one, two].map(({ relay }) => relay.list(null, 1)))).flat();
  expect(newest.map(({ state }) => state).sort()).toEqual(["delivered", "skipped"]);
  const delivered = newest.find(({ state }) => state === "delivered");
  expect(delivered?.cosignatures.map((found) => found.validator_hotkey)).toContain(three.hotkey);
  expect(delivered?.receipt).toMatchObject({ assurance: "quorum", gateway_seq: 2 });
  expect(await three.relay.list()).toEqual([]);
  expect(await three.relay.status()).toMatchObject({ enabled: false, dry_runs: 1 });
  expect(await subnet.evm.balance(subnet.payTo)).toBe(2 * PRICE);
}, 120_000);
