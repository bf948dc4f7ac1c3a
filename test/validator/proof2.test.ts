import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { possessionProof } from "../../src/crypto/possession-proof.ts";
import { decodeHotkey, type Hotkey } from "../../src/crypto/ss58.ts";
import { storageProof } from "../../src/crypto/storage-proof.ts";
import { Auth2Caller } from "../../src/node/protocol/auth2-caller.ts";
import { type CapabilityStatement, capabilityMessage } from "../../src/node/protocol/capabilities.ts";
import { PossessionCaller } from "../../src/node/protocol/possession-caller.ts";
import { createHttpClient, type Fetch } from "../../src/node/runtime/http-client.ts";
import { newCanaryGroup } from "../../src/node/validator/canaries.ts";
import { challengeMiner } from "../../src/node/validator/challenge-miner.ts";
import { capabilitiesOf } from "../../src/node/validator/miner-capabilities.ts";
import { openValidatorStore, type ValidatorStore } from "../../src/node/validator/store/validator-store.ts";
import { MinerUnderTest, sr25519, TestKey } from "../miner/miner-under-test.ts";
import { FixedChain } from "../support/fixed-chain.ts";
import { fetchOf, honest, liar } from "../support/lying-miner.ts";
import { TestClock } from "../support/test-clock.ts";

let folder: string;
let store: ValidatorStore;
let clock: TestClock;
let logged: { miner: string; cid: string; verdict: string }[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-proof2-"));
  store = openValidatorStore(join(folder, "validator.db"));
  clock = new TestClock();
  logged = [];
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const validator = new TestKey();
const identity = {
  hotkey: validator.hotkey,
  publicKey: decodeHotkey(validator.hotkey) as Uint8Array,
  sign: (message: Uint8Array) => validator.sign(message),
};
const canaries = newCanaryGroup(8, 0).members;
const records = canaries.map(({ cid, embedding }) => ({ cid, embedding, metadata: new Map() }));

/** The validator's challenge of whoever answers `send` as `hotkey`; null where that is another's machine. */
async function challenge(hotkey: Hotkey, send: Fetch) {
  clock.time += 1;
  const caller = new Auth2Caller({ signer: identity, sr25519, clock });
  const logger = pino({ base: null }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const possession = new PossessionCaller({ caller, hotkey: identity.hotkey, clock });
  const signal = new AbortController().signal;
  const chain = new FixedChain();
  const deps = { http: createHttpClient(send), identity, clock, signal, store, chain, sr25519, logger, possession };
  const miner = { hotkey, endpoint: "http://miner" };
  const caps = await capabilitiesOf(deps, miner);
  return caps && (await challengeMiner(deps, { ...miner, caps }, canaries));
}

const passed = canaries.map(() => true);
const failed = canaries.map(() => false);

/** A liar's `/health`: capabilities signed by its own key. */
function withHealth({ key, send }: ReturnType<typeof liar>, caps: readonly string[] | undefined, asked: string[] = []) {
  const statement: CapabilityStatement = {
    chain: "local:test",
    hotkey: key.hotkey,
    caps: [...(caps ?? [])],
    profile: { model: "m", dim: 8, normalized: true },
    endpoint: "http://miner",
    issued_at: clock.now(),
  };
  const signature = `0x${toHex(key.sign(capabilityMessage(statement)))}`;
  const answer: Fetch = async (request) => {
    const { pathname } = new URL(request.url);
    asked.push(request.headers.has("X-Bittensor-Version") ? `${pathname} auth2` : pathname);
    if (pathname === "/health") {
      return Response.json(caps ? { status: "ok", caps: { ...statement, signature } } : { status: "ok" });
    }
    if (request.headers.has("X-Bittensor-Version")) return await send(request);
    const body = (await request.json()) as { cid: string; nonce_hex: string; validator_hotkey_hex: string };
    const { embedding } = canaries.find(({ cid }) => cid === body.cid) ?? { embedding: new Float32Array(8) };
    const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
    return Response.json(storageProof(embedding, bytes(body.nonce_hex), bytes(body.validator_hotkey_hex)));
  };
  return { hotkey: key.hotkey, answer };
}

/** Kept the hashes, threw the vectors away. */
function hashKeeper() {
  const miner = liar(clock, (asked) => {
    const answer = honest(records, asked, miner.key.hotkey);
    const entries = answer.entries.map((entry, place) => {
      const lost = { ...(records[place] as (typeof records)[number]), embedding: new Float32Array(8) };
      return { ...entry, proof2: possessionProof(lost, { ...asked, miner: miner.key.hotkey }) };
    });
    return { ...answer, entries };
  });
  return miner;
}

test("a miner that promised proof2 is asked for it, once for all canaries", async () => {
  await using miner = await MinerUnderTest.start();
  clock = miner.clock;
  for (const { embedding } of canaries) await miner.post("IngestSynapse", { raw_embedding: [...embedding] });
  const asked: string[] = [];
  const send = fetchOf(miner);
  const watched: Fetch = (request) => {
    asked.push(new URL(request.url).pathname);
    return send(request);
  };
  expect(await challenge(miner.identity.hotkey, watched)).toEqual(passed);
  expect(asked).toEqual(["/health", "/ChallengeSynapse"]);
  // One that is gone costs that one alone, and is named.
  const [first] = canaries;
  await miner.store.delete("__public__", first?.cid ?? "");
  expect(await challenge(miner.identity.hotkey, send)).toEqual([false, ...passed.slice(1)]);
  expect(logged).toMatchObject([{ miner: miner.identity.hotkey, cid: first?.cid, verdict: "missing" }]);
});

test("a miner that promised nothing is asked for the proof of spec 3", async () => {
  const asked: string[] = [];
  const { hotkey, answer } = withHealth(hashKeeper(), undefined, asked);
  // Its lie is not told by that proof: that is why there is another.
  expect(await challenge(hotkey, answer)).toEqual(passed);
  expect(asked).toEqual(["/health", ...canaries.map(() => "/ChallengeSynapse")]);
});

test("a miner that kept only hashes is caught by proof2 and named", async () => {
  const { hotkey, answer } = withHealth(hashKeeper(), ["auth2", "proof2"]);
  expect(await challenge(hotkey, answer)).toEqual(failed);
  expect(logged.map(({ miner, cid, verdict }) => [miner, cid, verdict])).toEqual(
    canaries.map(({ cid }) => [hotkey, cid, "hash_only"]),
  );
});

test("a promise is not taken back by leaving it out, unsigning it or falling silent", async () => {
  const miner = hashKeeper();
  const { hotkey, answer } = withHealth(miner, ["auth2", "proof2"]);
  await challenge(hotkey, answer);
  for (const caps of [undefined, ["auth2"]]) {
    const asked: string[] = [];
    expect(await challenge(hotkey, withHealth(miner, caps, asked).answer)).toEqual(failed);
    expect(asked).toEqual(["/health", "/ChallengeSynapse auth2"]);
  }
  const dead: Fetch = () => Promise.reject(new Error("refused"));
  expect(await challenge(hotkey, dead)).toEqual(failed);
  // After a day of signed statements without it, it is believed.
  clock.time += 24 * 3_600_000;
  expect(await challenge(hotkey, withHealth(miner, ["auth2"]).answer)).toEqual(passed);
});

test("a machine that states another hotkey is not this one's, and proves nothing for it (V-W6)", async () => {
  const other = hashKeeper();
  const { answer } = withHealth(hashKeeper(), ["auth2", "proof2"]);
  expect(await challenge(other.key.hotkey, answer)).toBeNull();
});
