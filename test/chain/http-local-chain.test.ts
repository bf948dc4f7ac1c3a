import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { btauthHeaders } from "../../src/crypto/btauth.ts";
import type { Hotkey } from "../../src/crypto/ss58.ts";
import { ChainConnection } from "../../src/node/chain/local/chain-connection.ts";
import { replies } from "../../src/node/chain/local/chain-wire.ts";
import { HttpLocalChain } from "../../src/node/chain/local/http-local-chain.ts";
import { type ServedLocalChain, serveLocalChain } from "../../src/node/chain/local/serve-local-chain.ts";
import { openChain } from "../../src/node/chain/open-chain.ts";
import type { ChainSigner } from "../../src/node/ports.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { chainClientCompliance, signerOf, someHotkey } from "../compliance/chain-client.ts";

const settings = {
  blocks: "stepped",
  blockMs: 12_000,
  finalityLag: 3,
  historyBlocks: 32,
  weightsInterval: 5,
} as const;

const serve = (folder: string, port = 0, hostname = "127.0.0.1") =>
  serveLocalChain({ folder, hostname, port, settings, clock: systemClock, logger: pino({ level: "silent" }) });

chainClientCompliance("HttpLocalChain", async () => {
  const folder = await mkdtemp(join(tmpdir(), "engram-chain-"));
  const served = await serve(folder);
  const control = new HttpLocalChain({ url: served.url });
  let seed = 0;
  return {
    ...settings,
    connect: () => openChain(served.setting, folder, signerOf),
    produce: (blocks) => control.step(blocks),
    stake: (hotkey, tao) => control.stake(hotkey, tao),
    reorg: (depth) => control.reorg({ depth, seed: seed++, include: "none" }),
    [Symbol.asyncDispose]: async () => {
      await control[Symbol.asyncDispose]();
      await served[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});

let folder: string;
let served: ServedLocalChain;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-chain-"));
  served = await serve(join(folder, "chain"));
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const open = (options: Partial<ConstructorParameters<typeof HttpLocalChain>[0]> = {}) =>
  new HttpLocalChain({ url: served.url, signerOf, ...options });

test("a write is taken from the hotkey it is about alone", async () => {
  const [hotkey, other] = [someHotkey(), someHotkey()];
  await using reader = open({ signerOf: () => undefined });
  await expect(reader.register(hotkey, hotkey)).rejects.toMatchObject({ code: "CHAIN_KEY_MISSING" });
  const signOf = (name: Hotkey) => signerOf(name)?.sign ?? (() => new Uint8Array(64));
  await using forger = open({ signerOf: () => ({ hotkey, sign: signOf(other) }) });
  await expect(forger.register(hotkey, hotkey)).rejects.toMatchObject({ code: "CHAIN_UNSIGNED" });
  const body = JSON.stringify({ kind: "register", hotkey, coldkey: hotkey });
  const headers = { "content-type": "application/json" };
  const unsigned = await fetch(`${served.url}/calls`, { method: "POST", body, headers });
  expect(unsigned.status).toBe(401);
  expect(await reader.uidOf(hotkey)).toBeNull();
  await using owner = open();
  expect(await owner.register(hotkey, hotkey)).toBe(await reader.uidOf(hotkey));
});

const connect = () => new ChainConnection({ url: served.url, identity: undefined, clock: systemClock });

function keyOf(hotkey: Hotkey): ChainSigner {
  const signer = signerOf(hotkey);
  if (!signer) throw new Error("no key");
  return signer;
}

test("a hotkey cannot write for another, nor give itself stake", async () => {
  const [hotkey, other] = [someHotkey(), someHotkey()];
  const write = (signer: Hotkey, call: unknown) =>
    connect().postSigned(keyOf(signer), "/calls", call, replies.included);
  const register = { kind: "register", hotkey, coldkey: hotkey };
  await expect(write(other, register)).rejects.toMatchObject({ code: "CHAIN_UNSIGNED" });
  await using reader = open();
  expect(await reader.uidOf(hotkey)).toBeNull();
  await write(hotkey, register);
  const stake = write(hotkey, { kind: "stake", hotkey, tao: 5 });
  await expect(stake).rejects.toMatchObject({ code: "CHAIN_REQUEST_INVALID" });
  const { neurons } = await reader.metagraph((await reader.head()).number);
  expect(neurons.find((neuron) => neuron.hotkey === hotkey)?.stakeTao).toBe(0);
});

test("a signed write is taken once, for its own body and chain", async () => {
  const hotkey = someHotkey();
  const { hotkey: receiver } = await connect().peer();
  const body = JSON.stringify({ kind: "register", hotkey, coldkey: hotkey });
  const signed = (to: Hotkey, nonce: bigint) =>
    btauthHeaders(
      { method: "POST", target: "/calls", body: Buffer.from(body), nonce, sender: hotkey, receiver: to },
      keyOf(hotkey).sign,
    );
  const nonce = BigInt(Date.now()) * 1_000_000n;
  const send = async (headers: Readonly<Record<string, string>>, text = body) =>
    (await fetch(`${served.url}/calls`, { method: "POST", body: text, headers })).status;
  expect(await send(signed(someHotkey(), nonce))).toBe(401);
  expect(await send(signed(receiver, nonce), body.replace(hotkey, someHotkey()))).toBe(401);
  expect(await send(signed(receiver, nonce))).toBe(200);
  expect(await send(signed(receiver, nonce))).toBe(401);
});

test("pages in a browser are not answered, whatever name they found", async () => {
  const url = `${served.url}/control/step`;
  const post = { method: "POST", body: '{"count":1}' };
  expect((await fetch(url, { ...post, headers: { origin: "http://evil.test" } })).status).toBe(403);
  const { request } = await import("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  request(`${served.url}/head`, { headers: { host: "evil.test" } }, (reply) => resolve(reply.statusCode))
    .on("error", reject)
    .end();
  expect(await promise).toBe(403);
  expect((await fetch(url, post)).status).toBe(200);
});

test("requests out of bounds are refused with what is wrong", async () => {
  const status = async (path: string, body?: string) =>
    (await fetch(`${served.url}${path}`, body === undefined ? {} : { method: "POST", body })).status;
  expect(await status("/nowhere")).toBe(404);
  expect(await status("/metagraph?at=x")).toBe(409);
  expect(await status("/control/step", "{")).toBe(409);
  expect(await status("/control/step", `{"count":${" ".repeat(300_000)}1}`)).toBe(413);
  expect(await status("/head")).toBe(200);
});

test("a client takes no other chain than the one it knows", async () => {
  await using client = open();
  const identity = await client.identity();
  expect(served.setting).toBe(`local:${served.url}#${identity.slice(6)}`);
  await using wrong = open({ identity: "local:other" });
  await expect(wrong.head()).rejects.toMatchObject({ code: "CHAIN_IDENTITY" });
  const port = Number(new URL(served.url).port);
  await served[Symbol.asyncDispose]();
  await expect(client.head()).rejects.toMatchObject({ code: "CHAIN_UNREACHABLE" });
  {
    await using _ = await serve(join(folder, "other"), port);
    await expect(client.head()).rejects.toMatchObject({ code: "CHAIN_IDENTITY" });
  }
  served = await serve(join(folder, "chain"), port);
  expect(await client.identity()).toBe(identity);
  expect((await client.head()).number).toBeGreaterThanOrEqual(0);
});

test("what was written outlives the server", async () => {
  const hotkey = someHotkey();
  await using client = open();
  const uid = await client.register(hotkey, hotkey);
  await client.setCommitment(hotkey, Uint8Array.of(1, 2, 3));
  const head = await client.step(2);
  const port = Number(new URL(served.url).port);
  await served[Symbol.asyncDispose]();
  served = await serve(join(folder, "chain"), port);
  await using again = open();
  expect(await again.head()).toEqual(head);
  expect(await again.uidOf(hotkey)).toBe(uid);
  expect(await again.commitment(hotkey, head.number)).toEqual(Uint8Array.of(1, 2, 3));
});

test("the simulated chain is not served to other machines, nor sought there", async () => {
  for (const hostname of ["0.0.0.0", "192.0.2.1", "::"]) {
    await expect(serve(join(folder, "open"), 0, hostname)).rejects.toMatchObject({ code: "CHAIN_LOCAL_REFUSED" });
  }
  for (const setting of ["local:http://192.0.2.1:1", "local:https://127.0.0.1:1", "local:127.0.0.1:1", "local:"]) {
    expect(() => openChain(setting, folder)).toThrow(expect.objectContaining({ code: "CHAIN_UNKNOWN" }));
  }
});
