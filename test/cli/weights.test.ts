import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LocalChain } from "../../src/node/chain/local/local-chain.ts";
import { defaultLocalChainSettings } from "../../src/node/chain/local/local-chain-settings.ts";
import { saveSubnet } from "../../src/node/runtime/saved-subnet.ts";
import { openValidatorStore } from "../../src/node/validator/store/validator-store.ts";
import { someHotkey } from "../compliance/chain-client.ts";
import { engram, engramJson, errorOf, temporaryFolder } from "./engram.ts";

interface Shown {
  readonly block: number;
  readonly validators: readonly { readonly uid: number; readonly weights: readonly object[] }[];
  readonly terms: { readonly rateLimit: number; readonly lastSet: number | null } | null;
  readonly own: { readonly heldBackSince: number | null; readonly submissions: readonly object[] } | null;
}

test("shows the weights of all, of one by hotkey or uid, and what became of one's own", async () => {
  const home = await temporaryFolder();
  const settings = { ...defaultLocalChainSettings, blocks: "stepped" } as const;
  await using chain = new LocalChain({ path: join(home, "chain.db"), settings });
  const [one, other, miner] = [someHotkey(), someHotkey(), someHotkey()];
  for (const hotkey of [one, other, miner]) await chain.register(hotkey, hotkey);
  for (const hotkey of [one, other]) await chain.stake(hotkey, 10);
  await chain.setWeights(
    one,
    new Map([
      [2, 3],
      [1, 1],
    ]),
  );
  const submission = await chain.setWeights(other, new Map([[2, 1]]));

  // Never of a chain that nobody meant.
  const unnamed = await engram(home, ["weights", "--json"]);
  expect([unnamed.code, errorOf(unnamed).code]).toEqual([2, "CONFIG_INVALID"]);
  await saveSubnet(home, { ENGRAM_CHAIN: "local" });
  const all = await engramJson<Shown>(home, ["weights"]);
  expect(all).toMatchObject({ block: 0, terms: null, own: null });
  expect(all.validators.map(({ uid }) => uid)).toEqual([0, 1]);
  const row = [
    { uid: 2, hotkey: miner, weight: 65_535, share: 0.75 },
    { uid: 1, hotkey: other, weight: 21_845, share: 0.25 },
  ];
  for (const name of [one, "0"]) {
    const shown = await engramJson<Shown>(home, ["weights", name]);
    expect(shown.validators).toMatchObject([{ uid: 0, hotkey: one, weights: row }]);
    expect(shown.terms).toMatchObject({ rateLimit: 20, lastSet: 0 });
  }
  const nobody = await engram(home, ["weights", "9", "--json"]);
  expect([nobody.code, errorOf(nobody).code]).toEqual([2, "USAGE"]);

  const folder = join(home, "validator");
  await mkdir(folder);
  {
    await using store = openValidatorStore(join(folder, "validator.db"));
    const id = await store.call("sending", { roundId: 4, agreed: false, submission, now: 1 });
    await store.call("sent", { id, submission });
    await store.call("submissionState", { id, state: "counts", included: true });
    await store.call("holdBack", { since: 77 });
    for (const hash of ["a", "b"]) {
      await store.call("keepCommit", { roundId: 4, validator: one, hash, text: `said ${hash}`, now: 1_000 });
    }
  }
  const { own } = await engramJson<Shown>(home, ["weights"]);
  expect(own).toMatchObject({ heldBackSince: 77, submissions: [{ roundId: 4, state: "counts", agreed: false }] });
  const { stdout } = await engram(home, ["weights", "1"]);
  for (const part of ["uid 1", "100.00 %", "last set at block 0", "own scores, no quorum", "since block 77"]) {
    expect(stdout).toContain(part);
  }
  const { evidence } = await engramJson<{ evidence: readonly object[] }>(home, ["weights", "--evidence"]);
  expect(evidence).toEqual([{ roundId: 4, validator: one, first: "said a", second: "said b", at: 1_000 }]);
  const elsewhere = await engram(home, ["weights", "--evidence", "--folder", home, "--json"]);
  expect([elsewhere.code, errorOf(elsewhere).code]).toEqual([2, "USAGE"]);
});
