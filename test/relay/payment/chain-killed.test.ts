import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { EvmState } from "../../../src/relay/evm/evm-state.ts";
import { LocalEvm, stateFolder } from "../../../src/relay/evm/local-evm.ts";
import { localFacilitator } from "../../../src/relay/gateway/payment-local-facilitator.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import { newAddress } from "./money.ts";
import { Payer } from "./payer.ts";
import { PRICE, Shop } from "./shop.ts";

test("a payment that was answered for outlives the chain's process, and the facilitator goes on", async () => {
  await using releases = new ReleaseStack();
  const root = await mkdtemp(join(tmpdir(), "engram-chain-killed-"));
  releases.defer(() => rm(root, { recursive: true, force: true }));
  const folder = join(root, "evm");
  const payTo = newAddress();
  const gasKey = await openPaymentKey(join(root, "gas-key"));
  const kill = async (evm: LocalEvm) => {
    const { pid } = JSON.parse(await readFile(join(folder, "anvil.json"), "utf8")) as { readonly pid: number };
    process.kill(pid, "SIGKILL");
    await evm.ended;
  };

  await using first = await LocalEvm.start({ folder });
  const port = Number(new URL(first.url).port);
  await first.fundGas(gasKey.address);
  const payer = new Payer(first.token);
  await first.fund(payer.address, 10 * PRICE);
  const state = new EvmState({ url: first.url, folder: stateFolder(folder) });
  const facilitator = localFacilitator({
    url: first.url,
    network: first.token.network,
    gasKey,
    afterSettle: () => state.save(),
  });
  await using shop = new Shop({ evm: first, facilitator, folder: root, payTo });
  const headers = await payer.headers(shop);
  const reply = await shop.post("before", headers);
  expect(reply.status).toBe(200);
  await kill(first);

  // While it is away nobody is told to pay again.
  expect((await shop.post("while", await payer.headers(shop))).status).toBe(503);

  await using second = await LocalEvm.start({ folder, port });
  expect(second.url).toBe(first.url);
  expect(await second.balance(payTo)).toBe(PRICE);
  const again = await shop.post("before", headers);
  expect(await again.json()).toEqual(await reply.json());
  await shop.store.call("loseEverything", null);
  expect((await shop.post("after", await payer.headers(shop))).status).toBe(200);
  expect(await second.balance(payTo)).toBe(2 * PRICE);
});
