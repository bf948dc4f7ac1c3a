import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { type Hotkey, hotkeyOf } from "../../src/crypto/ss58.ts";
import type { BlockRef, ChainClient, ChainSigner } from "../../src/node/ports.ts";

/** One chain as seen by several clients, each as another process would see it. */
export interface ChainUnderTest extends AsyncDisposable {
  /** A client that can sign for every hotkey of `someHotkey`. */
  connect(): ChainClient;
  /** Blocks a hotkey waits between two rows of weights, and blocks from the finalized one to the head. */
  readonly weightsInterval: number;
  readonly finalityLag: number;
  readonly historyBlocks: number;
  produce(blocks: number): Promise<unknown>;
  stake(hotkey: Hotkey, tao: number): Promise<unknown>;
  /** Replaces the newest blocks and drops what was written in them. */
  reorg(depth: number): Promise<unknown>;
}

const sr25519 = await loadSr25519();
const keys = new Map<Hotkey, ChainSigner>();

/** A new hotkey; `signerOf` holds its key. */
export function someHotkey(): Hotkey {
  const pair = sr25519.pairFromSeed(randomBytes(32));
  const hotkey = hotkeyOf(pair.publicKey);
  keys.set(hotkey, { hotkey, sign: (message) => sr25519.sign(pair, message) });
  return hotkey;
}

export const signerOf = (hotkey: Hotkey): ChainSigner | undefined => keys.get(hotkey);

const HASH = /^0x[0-9a-f]{64}$/;
const never = new AbortController().signal;

/** What every chain promises to every role. */
export function chainClientCompliance(name: string, create: () => Promise<ChainUnderTest>): void {
  describe(`${name} as ChainClient`, () => {
    let chain: ChainUnderTest;
    let client: ChainClient;
    beforeAll(async () => {
      chain = await create();
      client = chain.connect();
      await chain.produce(1);
    });
    afterAll(async () => {
      await client[Symbol.asyncDispose]();
      await chain[Symbol.asyncDispose]();
    });

    const finalize = () => chain.produce(chain.finalityLag);
    async function registered(): Promise<{ readonly hotkey: Hotkey; readonly uid: number }> {
      const hotkey = someHotkey();
      return { hotkey, uid: await client.register(hotkey, someHotkey()) };
    }
    async function validator() {
      const found = await registered();
      await chain.stake(found.hotkey, 1_000);
      return found;
    }
    async function neuronOf(hotkey: Hotkey, atBlock?: number) {
      return (await client.metagraph(atBlock)).neurons.find((neuron) => neuron.hotkey === hotkey);
    }

    test("every client sees one identity, and another chain has another", async () => {
      await using second = chain.connect();
      expect(await second.identity()).toBe(await client.identity());
      await using other = await create();
      await using stranger = other.connect();
      expect(await stranger.identity()).not.toBe(await client.identity());
    });

    test("blocks have numbers and hashes that every client agrees on", async () => {
      await chain.produce(1);
      const head = await client.head();
      expect(head.hash).toMatch(HASH);
      await using second = chain.connect();
      expect(await second.head()).toEqual(head);
      expect(await client.blockHash(head.number)).toBe(head.hash);
      const before = await client.blockHash(head.number - 1);
      expect(before).toMatch(HASH);
      expect(before).not.toBe(head.hash);
      for (const none of [head.number + 1, -1, 0.5]) expect(await client.blockHash(none)).toBeNull();
    });

    test("the finalized block follows the head at a distance and keeps its hash", async () => {
      await finalize();
      const [head, finalized] = [await client.head(), await client.finalized()];
      expect(head.number - finalized.number).toBe(chain.finalityLag);
      expect(await client.blockHash(finalized.number)).toBe(finalized.hash);
      await chain.produce(2);
      expect((await client.finalized()).number).toBe(finalized.number + 2);
      expect(await client.blockHash(finalized.number)).toBe(finalized.hash);
    });

    test("a registered hotkey has a uid that stays", async () => {
      const [hotkey, coldkey] = [someHotkey(), someHotkey()];
      expect(await client.uidOf(hotkey)).toBeNull();
      const uid = await client.register(hotkey, coldkey);
      expect(await client.register(hotkey, coldkey)).toBe(uid);
      await chain.produce(2);
      await using second = chain.connect();
      expect(await second.uidOf(hotkey)).toBe(uid);
      expect(await second.uidOf(someHotkey())).toBeNull();
    });

    test("hotkeys registered at once by two clients get distinct uids", async () => {
      await using second = chain.connect();
      const coldkey = someHotkey();
      const uids = await Promise.all(
        Array.from({ length: 20 }, (_, i) => (i % 2 ? client : second).register(someHotkey(), coldkey)),
      );
      expect(new Set(uids).size).toBe(20);
    });

    test("the metagraph is the finalized block's, and lists neurons by uid with the axons served", async () => {
      const coldkey = someHotkey();
      const [first, second] = [someHotkey(), someHotkey()];
      const uids = [await client.register(first, coldkey), await client.register(second, coldkey)];
      await client.serveAxon(second, "http://127.0.0.1:8091");
      const { number } = await client.head();
      expect(await neuronOf(first, number)).toBeDefined();
      expect(await neuronOf(first)).toBeUndefined();
      await finalize();
      const { block, hash, neurons } = await client.metagraph();
      expect({ number: block, hash }).toEqual(await client.finalized());
      expect(neurons.map(({ uid }) => uid)).toEqual(neurons.map((_, index) => index));
      expect(neurons.filter((neuron) => neuron.coldkey === coldkey)).toEqual([
        { uid: uids[0], hotkey: first, coldkey, endpoint: null, stakeTao: 0, validatorPermit: false, incentive: 0 },
        expect.objectContaining({ uid: uids[1], hotkey: second, endpoint: "http://127.0.0.1:8091" }),
      ]);
    });

    test("the state as of an older block stays what it was", async () => {
      const { hotkey } = await registered();
      await client.serveAxon(hotkey, "http://127.0.0.1:1000");
      const before = (await client.head()).number;
      await chain.produce(1);
      await client.serveAxon(hotkey, "http://127.0.0.1:2000");
      const after = (await client.head()).number;
      expect((await neuronOf(hotkey, before))?.endpoint).toBe("http://127.0.0.1:1000");
      expect((await neuronOf(hotkey, after))?.endpoint).toBe("http://127.0.0.1:2000");
      expect(await neuronOf(hotkey, 0)).toBeUndefined();
    });

    test("blocks that are not there yet, and blocks long gone, have no state to read", async () => {
      const { number } = await client.head();
      for (const none of [number + 1, -1, 0.5]) {
        await expect(client.metagraph(none)).rejects.toMatchObject({ code: "CHAIN_BLOCK_UNKNOWN" });
        await expect(client.weights(none)).rejects.toMatchObject({ code: "CHAIN_BLOCK_UNKNOWN" });
        await expect(client.commitment(someHotkey(), none)).rejects.toMatchObject({ code: "CHAIN_BLOCK_UNKNOWN" });
      }
      const { hotkey } = await registered();
      const last = (await client.head()).number;
      await chain.produce(chain.historyBlocks);
      expect(await neuronOf(hotkey, last)).toBeDefined();
      await chain.produce(1);
      await expect(client.metagraph(last)).rejects.toMatchObject({ code: "CHAIN_HISTORY_GONE" });
      expect(await neuronOf(hotkey)).toBeDefined();
    });

    test("who is not registered serves no axon, sets no weights and commits to nothing", async () => {
      const refused = { code: "CHAIN_NOT_REGISTERED" };
      await expect(client.serveAxon(someHotkey(), "http://127.0.0.1:1000")).rejects.toMatchObject(refused);
      await expect(client.setWeights(someHotkey(), new Map([[0, 1]]))).rejects.toMatchObject(refused);
      await expect(client.setCommitment(someHotkey(), Uint8Array.of(1))).rejects.toMatchObject(refused);
    });

    test("an axon is served at http://host:port alone", async () => {
      const { hotkey } = await registered();
      for (const bad of ["", "127.0.0.1:1", "ftp://a:1", "http://a:1/path", "http://u:p@a:1", "http://a:1?q"]) {
        await expect(client.serveAxon(hotkey, bad)).rejects.toMatchObject({ code: "CHAIN_ENDPOINT" });
      }
    });

    test("a hotkey is registered under one coldkey, and both are addresses", async () => {
      const { hotkey } = await registered();
      await expect(client.register(hotkey, someHotkey())).rejects.toMatchObject({ code: "CHAIN_COLDKEY" });
      const refused = { code: "CHAIN_KEY_INVALID" };
      await expect(client.register("5Fake" as Hotkey, someHotkey())).rejects.toMatchObject(refused);
      await expect(client.register(someHotkey(), "5Fake" as Hotkey)).rejects.toMatchObject(refused);
      expect(await client.uidOf("5Fake" as Hotkey)).toBeNull();
    });

    test("stake gives a permit, and the permit the right to set weights", async () => {
      const { hotkey, uid } = await registered();
      const target = await registered();
      const weights = new Map([[target.uid, 1]]);
      await expect(client.setWeights(hotkey, weights)).rejects.toMatchObject({ code: "CHAIN_NO_PERMIT" });
      await chain.stake(hotkey, 12.5);
      const set = await client.setWeights(hotkey, weights);
      expect(set).toMatchObject({ path: "set", block: await client.head(), uid, row: new Map([[target.uid, 65_535]]) });
      expect((await client.weights()).has(uid)).toBe(false);
      await finalize();
      expect((await client.weights()).get(uid)).toEqual(new Map([[target.uid, 65_535]]));
      expect(await neuronOf(hotkey)).toMatchObject({ stakeTao: 12.5, validatorPermit: true });
      expect(await neuronOf(target.hotkey)).toMatchObject({ stakeTao: 0, validatorPermit: false });
      expect((await neuronOf(target.hotkey))?.incentive).toBeGreaterThan(0);
    });

    test("weights are scaled to whole numbers of which the largest is 65,535, and zeros left out", async () => {
      const { hotkey, uid } = await validator();
      const [a, b, c] = [await registered(), await registered(), await registered()];
      const given = new Map([
        [a.uid, 0.5],
        [b.uid, 1],
        [c.uid, 0],
      ]);
      const { number } = (await client.setWeights(hotkey, given)).block;
      // Half of 65,535 lies between two whole numbers: the even one is taken.
      const row = new Map([
        [a.uid, 32_768],
        [b.uid, 65_535],
      ]);
      expect((await client.weights(number)).get(uid)).toEqual(row);
    });

    test("a second row has to wait, and says how long", async () => {
      const { hotkey, uid } = await validator();
      const { number } = (await client.setWeights(hotkey, new Map([[uid, 1]]))).block;
      await chain.produce(chain.weightsInterval - 1);
      const early = client.setWeights(hotkey, new Map([[0, 1]]));
      await expect(early).rejects.toMatchObject({ code: "CHAIN_RATE_LIMIT", fix: "wait 1 more block" });
      await chain.produce(1);
      const next = (await client.setWeights(hotkey, new Map([[0, 1]]))).block;
      expect(next.number).toBe(number + chain.weightsInterval);
      expect((await client.weights(next.number)).get(uid)).toEqual(new Map([[0, 65_535]]));
      expect((await client.weights(number)).get(uid)).toEqual(new Map([[uid, 65_535]]));
    });

    test("weights count once they are read back from the finalized chain, and never when a reorganisation took them", async () => {
      const { hotkey, uid } = await validator();
      await finalize();
      const before = await client.weightsTerms(hotkey);
      expect(before).toMatchObject({ head: (await client.head()).number, lastSet: null, commitReveal: false });
      expect(before.rateLimit).toBe(chain.weightsInterval);
      await chain.produce(1);
      const lost = await client.setWeights(hotkey, new Map([[uid, 1]]));
      expect(await client.weightsTerms(hotkey)).toMatchObject({ lastSet: lost.block.number });
      expect(await client.readBack(lost)).toBe(chain.finalityLag > 0 ? "waiting" : "counts");
      if (chain.finalityLag > 0) {
        await chain.reorg(1);
        await finalize();
        expect(await client.readBack(lost)).toBe("lost");
        expect(await client.weightsTerms(hotkey)).toMatchObject({ lastSet: null });
      }
      await chain.produce(chain.weightsInterval);
      const next = await client.setWeights(hotkey, new Map([[0, 1]]));
      await finalize();
      expect(await client.readBack(next)).toBe("counts");
    });

    test("weights that say nothing or name nobody are refused", async () => {
      const { hotkey } = await validator();
      for (const bad of [
        [],
        [[0, 0]],
        [[0, -1]],
        [[0, Number.NaN]],
        [[0, Number.POSITIVE_INFINITY]],
        [[-1, 1]],
        [[0.5, 1]],
        [[4_000, 1]],
      ] as const) {
        const refused = client.setWeights(hotkey, new Map(bad as Iterable<readonly [number, number]>));
        await expect(refused).rejects.toMatchObject({ code: "CHAIN_WEIGHTS_INVALID" });
      }
    });

    test("a commitment of up to 128 bytes is read back as of its block", async () => {
      const { hotkey } = await registered();
      const [first, second] = [randomBytes(44), randomBytes(128)].map((bytes) => new Uint8Array(bytes));
      const one = await client.setCommitment(hotkey, first as Uint8Array);
      expect(one).toEqual(await client.head());
      expect(await client.commitment(hotkey)).toBeNull();
      await chain.produce(1);
      const two = await client.setCommitment(hotkey, second as Uint8Array);
      expect(await client.commitment(hotkey, one.number)).toEqual(first);
      expect(await client.commitment(hotkey, two.number)).toEqual(second);
      await finalize();
      expect(await client.commitment(hotkey)).toEqual(second);
      expect(await client.commitment(someHotkey())).toBeNull();
      const long = client.setCommitment(hotkey, new Uint8Array(129));
      await expect(long).rejects.toMatchObject({ code: "CHAIN_COMMITMENT_INVALID" });
      expect(await client.commitment(hotkey, two.number)).toEqual(second);
    });

    test("a reorganisation replaces hashes and takes away what was written, down to the finalized block", async () => {
      const kept = await registered();
      await finalize();
      const finalized = await client.finalized();
      await chain.produce(1);
      const lost = await registered();
      const [head, old] = [await client.head(), await neuronOf(kept.hotkey)];
      expect(old).toBeDefined();
      await chain.reorg(chain.finalityLag);
      const now = await client.head();
      expect(now.number).toBe(head.number);
      expect(now.hash).not.toBe(head.hash);
      expect(await client.uidOf(lost.hotkey)).toBeNull();
      expect(await client.blockHash(finalized.number)).toBe(finalized.hash);
      expect(await neuronOf(kept.hotkey)).toEqual(old);
      await expect(chain.reorg(chain.finalityLag + 1)).rejects.toMatchObject({ code: "CHAIN_REORG_DEPTH" });
      expect(await client.head()).toEqual(now);
    });

    test("a listener hears the head, every change of it, and nothing once it is aborted", async () => {
      const stop = new AbortController();
      const heard: BlockRef[] = [];
      let wake = Promise.withResolvers<void>();
      const next = async () => {
        await wake.promise;
        return heard.at(-1);
      };
      client.onHead((head) => {
        heard.push(head);
        wake.resolve();
        wake = Promise.withResolvers();
        throw new Error("a listener's own failure");
      }, stop.signal);
      expect(await next()).toEqual(await client.head());
      let change = next();
      await chain.produce(1);
      expect(await change).toEqual(await client.head());
      change = next();
      await chain.reorg(1);
      expect(await change).toEqual(await client.head());
      expect(heard.at(-1)?.number).toBe(heard.at(-2)?.number);
      stop.abort();
      const count = heard.length;
      await chain.produce(1);
      await client.waitForBlock((await client.head()).number, never);
      expect(heard.length).toBe(count);
    });

    test("waiting for a block ends with the block, at once when it is there, or with the signal", async () => {
      const { number } = await client.head();
      expect((await client.waitForBlock(number - 1, never)).number).toBe(number);
      const waiting = client.waitForBlock(number + 2, never);
      await chain.produce(1);
      await chain.produce(1);
      expect(await waiting).toEqual(await client.head());
      const stop = new AbortController();
      const given = client.waitForBlock(number + 1_000, stop.signal);
      stop.abort(new Error("no longer wanted"));
      await expect(given).rejects.toThrow("no longer wanted");
    });

    test("whoever waits when the client is closed is told", async () => {
      const other = chain.connect();
      const waiting = other.waitForBlock(1_000_000, never);
      const refused = expect(waiting).rejects.toThrow();
      await other.head();
      await other[Symbol.asyncDispose]();
      await refused;
    });
  });
}
