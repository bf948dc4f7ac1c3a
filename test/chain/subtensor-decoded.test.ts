import { allNetworks } from "@polkadot/util-crypto/networks";
import { expect, test } from "vitest";
import { decodeHotkey, type Hotkey } from "../../src/crypto/ss58.ts";
import { networkOf } from "../../src/node/chain/subtensor/networks.ts";
import { someHotkey } from "../compliance/chain-client.ts";
import { ScaleReader } from "../support/scale-reader.ts";
import { NETUID } from "../support/subtensor-calls.ts";
import { SubtensorKit } from "../support/subtensor-kit.ts";
import { metadataWith } from "../support/subtensor-metadata.ts";

const hex = (hotkey: Hotkey) => Buffer.from(decodeHotkey(hotkey) ?? []).toString("hex");

/** What each call's bytes say behind pallet and index, as the runtime lays them out (spec 381). */
const LAYOUTS: Readonly<Record<string, (bytes: ScaleReader) => Record<string, unknown>>> = {
  "7.7": (bytes) => ({ call: "burned_register", netuid: bytes.u16(), hotkey: bytes.hex(32) }),
  "7.4": (bytes) => ({
    ...{ call: "serve_axon", netuid: bytes.u16(), version: bytes.u32(), ip: bytes.u128(), port: bytes.u16() },
    ...{ ipType: bytes.u8(), protocol: bytes.u8(), placeholders: [bytes.u8(), bytes.u8()] },
  }),
  "7.0": (bytes) => ({
    ...{ call: "set_weights", netuid: bytes.u16(), dests: bytes.vec(() => bytes.u16()) },
    ...{ weights: bytes.vec(() => bytes.u16()), version: bytes.u64() },
  }),
  "7.113": (bytes) => ({
    ...{ call: "commit_timelocked_weights", netuid: bytes.u16(), commit: bytes.hex(bytes.compact()) },
    ...{ round: bytes.u64(), version: bytes.u16() },
  }),
  "7.96": (bytes) => ({ call: "commit_weights", netuid: bytes.u16(), hash: bytes.hex(32) }),
  "7.97": (bytes) => ({
    ...{ call: "reveal_weights", netuid: bytes.u16(), uids: bytes.vec(() => bytes.u16()) },
    ...{ values: bytes.vec(() => bytes.u16()), salt: bytes.vec(() => bytes.u16()), version: bytes.u64() },
  }),
  "18.0": (bytes) => ({
    ...{ call: "set_commitment", netuid: bytes.u16() },
    // Variant n + 1 of `Data` holds n raw bytes.
    fields: bytes.vec(() => bytes.hex(bytes.u8() - 1)),
  }),
};

/** Who signed, and what is asked, read from a transaction's bytes alone. */
function asked(transaction: string): Record<string, unknown> {
  const whole = new ScaleReader(transaction);
  const bytes = new ScaleReader(whole.hex(whole.compact()));
  whole.end();
  expect(bytes.u8()).toBe(0x84);
  expect(bytes.u8()).toBe(0);
  const signer = bytes.hex(32);
  expect(bytes.u8()).toBe(1);
  bytes.take(64);
  // An era of two bytes, nonce, tip, and no metadata hash.
  bytes.take(2);
  [bytes.compact(), bytes.compact(), bytes.u8()];
  const name = `${bytes.u8()}.${bytes.u8()}`;
  const read = LAYOUTS[name]?.(bytes);
  bytes.end();
  return { signer, ...read };
}

const lastOf = ({ ledger }: SubtensorKit) => asked(ledger.taken.at(-1) ?? "");

test("registration, axon, weights and commitment decode by hand to what was asked", async () => {
  await using kit = await SubtensorKit.start();
  const [hotkey, coldkey] = [someHotkey(), someHotkey()];
  const client = kit.connect();
  const uid = await client.register(hotkey, coldkey);
  expect(lastOf(kit)).toEqual({ signer: hex(coldkey), call: "burned_register", netuid: NETUID, hotkey: hex(hotkey) });

  await client.serveAxon(hotkey, "http://203.0.113.7:8091");
  const axon = { call: "serve_axon", netuid: NETUID, version: 1, ip: 0xcb007107n, port: 8_091, ipType: 4, protocol: 4 };
  expect(lastOf(kit)).toEqual({ signer: hex(hotkey), ...axon, placeholders: [0, 0] });
  await client.serveAxon(hotkey, "http://[2001:db8::7]:80");
  expect(lastOf(kit)).toMatchObject({ ip: 0x20010db8_0000_0000_0000_0000_0000_0007n, port: 80, ipType: 6 });

  const bytes = Uint8Array.from({ length: 44 }, (_, index) => index);
  await client.setCommitment(hotkey, bytes);
  const fields = [Buffer.from(bytes).toString("hex")];
  expect(lastOf(kit)).toEqual({ signer: hex(hotkey), call: "set_commitment", netuid: NETUID, fields });

  const other = kit.neuron();
  kit.ledger.stake(hotkey, 100);
  kit.ledger.set("subtensorModule.weightsVersionKey", [NETUID], 2n ** 53n + 1n);
  await client.setWeights(
    hotkey,
    new Map([
      [other.uid, 1],
      [uid, 0.25],
    ]),
  );
  expect(lastOf(kit)).toEqual({
    ...{ signer: hex(hotkey), call: "set_weights", netuid: NETUID },
    ...{ dests: [uid, other.uid], weights: [16_384, 65_535], version: 2n ** 53n + 1n },
  });
});

test("both ways of commit and reveal decode by hand to what was asked", async () => {
  await using sealing = await SubtensorKit.start();
  const sealed = [sealing.neuron(100), sealing.neuron()] as const;
  sealing.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  await sealing.connect().setWeights(sealed[0].hotkey, new Map([[sealed[1].uid, 1]]));
  const commit = lastOf(sealing);
  expect(commit).toMatchObject({ signer: hex(sealed[0].hotkey), call: "commit_timelocked_weights", netuid: NETUID });
  expect(commit["version"]).toBe(4);
  // Of one uid: 285 bytes, the two lengths and four bytes a uid. What it opens to: subtensor-commit-reveal.test.ts.
  expect(String(commit["commit"])).toHaveLength(2 * (285 + 2 + 4));

  const metadata = metadataWith({ commit_timelocked_weights: "xommit_timelocked_weights" });
  await using hashing = await SubtensorKit.start({ metadata, inclusion: "next" });
  const [validator, miner] = [hashing.neuron(100), hashing.neuron()];
  hashing.ledger.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], true);
  const revealed = hashing.ledger.nextCall("revealWeights");
  await hashing.connect().setWeights(validator.hotkey, new Map([[miner.uid, 1]]));
  const committed = lastOf(hashing);
  hashing.ledger.produce(1);
  await revealed;
  const reveal = lastOf(hashing) as { readonly salt: number[] };
  expect(committed).toMatchObject({ signer: hex(validator.hotkey), call: "commit_weights", netuid: NETUID });
  expect(reveal).toMatchObject({
    ...{ signer: hex(validator.hotkey), call: "reveal_weights", netuid: NETUID },
    ...{ uids: [miner.uid], values: [65_535], version: 0n },
  });
  // The hash is over what was revealed, laid out by hand (guide: blake2b-256 of the SCALE tuple).
  const u16 = (value: number) => [value & 0xff, value >> 8];
  const list = (values: readonly number[]) => [values.length << 2, ...values.flatMap(u16)];
  const parts = [list([miner.uid]), list([65_535]), list(reveal.salt), new Array(8).fill(0)].flat();
  const preimage = Uint8Array.from([...(decodeHotkey(validator.hotkey) ?? []), ...u16(NETUID), ...parts]);
  const { blake2AsHex } = await import("@polkadot/util-crypto");
  expect(`0x${String(committed["hash"])}`).toBe(blake2AsHex(preimage, 256));
});

test("finney is pinned to the genesis that the Polkadot registry of networks has for Bittensor", () => {
  const known = allNetworks.find(({ network }) => network === "bittensor");
  expect(known?.genesisHash).toEqual([networkOf("finney")?.genesis]);
});
