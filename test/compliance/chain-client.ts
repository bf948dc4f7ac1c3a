import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Hotkey, hotkeyOf } from "../../src/crypto/ss58.ts";
import type { ChainClient } from "../../src/node/ports.ts";

/** One chain as seen by several clients, each as another process would see it. */
export interface ChainUnderTest extends AsyncDisposable {
  connect(): ChainClient;
}

export const someHotkey = (): Hotkey => hotkeyOf(randomBytes(32));

/** What every chain promises to every role. */
export function chainClientCompliance(name: string, create: () => Promise<ChainUnderTest>): void {
  describe(`${name} as ChainClient`, () => {
    let chain: ChainUnderTest;
    let client: ChainClient;
    beforeEach(async () => {
      chain = await create();
      client = chain.connect();
    });
    afterEach(async () => {
      await client[Symbol.asyncDispose]();
      await chain[Symbol.asyncDispose]();
    });

    test("every client sees one identity, and another chain has another", async () => {
      await using second = chain.connect();
      expect(await second.identity()).toBe(await client.identity());
      await using other = await create();
      await using stranger = other.connect();
      expect(await stranger.identity()).not.toBe(await client.identity());
    });

    test("the head has a number and a 32-byte hash", async () => {
      const head = await client.head();
      expect(head.number).toBeGreaterThanOrEqual(0);
      expect(head.hash).toMatch(/^0x[0-9a-f]{64}$/);
    });

    test("a registered hotkey has a uid that stays", async () => {
      const [hotkey, coldkey] = [someHotkey(), someHotkey()];
      expect(await client.uidOf(hotkey)).toBeNull();
      const uid = await client.register(hotkey, coldkey);
      expect(await client.register(hotkey, coldkey)).toBe(uid);
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

    test("the metagraph lists neurons by uid, with the axon once it is served", async () => {
      const coldkey = someHotkey();
      const [first, second] = [someHotkey(), someHotkey()];
      const uids = [await client.register(first, coldkey), await client.register(second, coldkey)];
      await client.serveAxon(second, "http://127.0.0.1:8091");
      const { block, neurons } = await client.metagraph();
      expect(block).toBeGreaterThanOrEqual(0);
      expect(neurons.map(({ uid, hotkey, endpoint }) => ({ uid, hotkey, endpoint }))).toEqual([
        { uid: uids[0], hotkey: first, endpoint: null },
        { uid: uids[1], hotkey: second, endpoint: "http://127.0.0.1:8091" },
      ]);
      expect(neurons.every((neuron) => neuron.coldkey === coldkey && neuron.stakeTao >= 0)).toBe(true);
    });

    test("an axon can move", async () => {
      const hotkey = someHotkey();
      await client.register(hotkey, someHotkey());
      await client.serveAxon(hotkey, "http://127.0.0.1:1000");
      await client.serveAxon(hotkey, "http://127.0.0.1:2000");
      expect((await client.metagraph()).neurons.map(({ endpoint }) => endpoint)).toEqual(["http://127.0.0.1:2000"]);
    });

    test("who is not registered serves no axon", async () => {
      await expect(client.serveAxon(someHotkey(), "http://127.0.0.1:1000")).rejects.toMatchObject({
        code: "CHAIN_NOT_REGISTERED",
      });
    });

    test.each(["", "127.0.0.1:1", "ftp://a:1", "http://a:1/path", "http://u:p@a:1", "http://a:1?q"])(
      "an axon is not served at %j",
      async (endpoint) => {
        const hotkey = someHotkey();
        await client.register(hotkey, someHotkey());
        await expect(client.serveAxon(hotkey, endpoint)).rejects.toMatchObject({ code: "CHAIN_ENDPOINT" });
      },
    );

    test("a hotkey is registered under one coldkey", async () => {
      const hotkey = someHotkey();
      await client.register(hotkey, someHotkey());
      await expect(client.register(hotkey, someHotkey())).rejects.toMatchObject({ code: "CHAIN_COLDKEY" });
    });

    test("what is no address is not registered", async () => {
      await expect(client.register("5Fake" as Hotkey, someHotkey())).rejects.toMatchObject({
        code: "CHAIN_KEY_INVALID",
      });
      expect((await client.metagraph()).neurons).toEqual([]);
    });
  });
}
