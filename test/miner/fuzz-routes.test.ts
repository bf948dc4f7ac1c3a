import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { btauthHeaders } from "../../src/crypto/btauth.ts";
import { toHex } from "../../src/crypto/hex.ts";
import { ownerChangeMessage } from "../../src/crypto/request-auth.ts";
import { type Bad, bad, fuzz, runs, sound, timeout } from "./fuzz-kit.ts";
import { MinerUnderTest, TestKey } from "./miner-under-test.ts";

/** The miner's smaller routes; those that store and find are in fuzz.test.ts. */
const keys = [new TestKey(), new TestKey()] as const;
const [alice, bob] = keys;
const RECORDS = 20;
const vectors = Array.from({ length: RECORDS }, (_, index) => [index + 1, 1, 0, 0, 0, 0, 0, 0.5]);
const cids: string[] = [];
let secret: string;
let miner: MinerUnderTest;

beforeAll(async () => {
  miner = await MinerUnderTest.start();
  for (const [index, raw_embedding] of vectors.entries()) {
    cids.push((await miner.signedPost(alice, "IngestSynapse", { raw_embedding, metadata: { index } })).json.cid);
  }
  const hidden = { raw_embedding: [0, 0, 1, 0, 0, 0, 0, 0], metadata: { _enc: "x" } };
  secret = (await miner.namespacePost(alice, "hidden", "IngestSynapse", hidden)).json.cid;
});
afterAll(() => miner[Symbol.asyncDispose]());
/** Whatever was sent, nothing was lost and nothing came in. */
afterEach(async () => {
  expect([await miner.store.count(), await miner.store.count("hidden")]).toEqual([RECORDS + 1, 1]);
  expect(await miner.store.namespaces.ownerOf("hidden")).toBe(alice.hotkey);
});

const place = fc.nat(RECORDS - 1);
const good = <T extends object>(call: fc.Arbitrary<T>) => call.map((fields) => ({ kind: "good" as const, ...fields }));

async function badCall(path: string, { body }: Bad): Promise<"bad"> {
  sound(await miner.call("POST", path, body));
  return "bad";
}

test(`repair takes ${runs} generated calls`, { timeout }, async () => {
  await fuzz(fc.oneof(good(fc.record({ at: place, signer: fc.constantFrom(alice, bob, null) })), bad), async (call) => {
    if (call.kind === "bad") return badCall("/RepairSynapse", call);
    const { at, signer } = call;
    const body = { cid: cids[at] };
    const answer = sound(
      signer ? await miner.signedPost(signer, "RepairSynapse", body) : await miner.post("RepairSynapse", body),
    );
    expect(answer.json).toEqual({ cid: cids[at], embedding: vectors[at], metadata: { index: at } });
    return "valid";
  });
  expect((await miner.signedPost(alice, "RepairSynapse", { cid: secret })).status).toBe(404);
});

test(`challenge takes ${runs} generated calls`, { timeout }, async () => {
  const nonce_hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
  await fuzz(fc.oneof(good(fc.record({ at: place, nonce_hex })), bad), async (call) => {
    if (call.kind === "bad") return badCall("/ChallengeSynapse", call);
    const expires_at = Math.floor(miner.clock.now() / 1000) + 60;
    const challenge = { cid: cids[call.at], nonce_hex: call.nonce_hex, expires_at };
    expect(sound(await miner.post("ChallengeSynapse", challenge)).json.proof).toMatch(/^[0-9a-f]{64}$/);
    return "valid";
  });
});

test(`prove-memory takes ${runs} generated calls`, { timeout }, async () => {
  const hashes = vectors.map((vector) => {
    const bytes = Buffer.from(Float32Array.from(vector).buffer);
    return createHash("sha256").update(bytes).digest("hex");
  });
  await fuzz(fc.oneof(good(fc.record({ at: place, own: fc.boolean() })), bad), async (call) => {
    if (call.kind === "bad") return badCall("/prove-memory", call);
    const body = { cid: cids[call.at], embedding_hash: hashes[call.own ? call.at : (call.at + 1) % RECORDS] };
    const answer = sound(await miner.post("prove-memory", body));
    expect([answer.status, typeof answer.json.proof]).toEqual(call.own ? [200, "string"] : [404, "undefined"]);
    return "valid";
  });
});

test(`AttestNamespace takes ${runs} generated calls`, { timeout }, async () => {
  const owners = new Map<string, TestKey>([["hidden", alice]]);
  const name = fc.constantFrom("hidden", ...Array.from({ length: 10 }, (_, index) => `attested_${index}`));
  await fuzz(fc.oneof(good(fc.record({ name, signer: fc.constantFrom(...keys) })), bad), async (call) => {
    if (call.kind === "bad") return badCall("/AttestNamespace", call);
    const owner = owners.get(call.name) ?? call.signer;
    owners.set(call.name, owner);
    const answer = sound(await miner.post("AttestNamespace", call.signer.attestation(call.name, miner.nonce())));
    expect(answer.status).toBe(owner === call.signer ? 200 : 403);
    const shown = (await miner.call("GET", `/attestation/${call.name}`)).json;
    if (shown.attested) expect(shown.owner_hotkey).toBe(owner.hotkey);
    return "valid";
  });
});

test(`NamespaceOwner takes ${runs} generated calls`, { timeout }, async () => {
  await miner.store.namespaces.claimNamespace("passed", alice.hotkey, 1);
  let owner: TestKey = alice;
  const send = (sender: TestKey, text: string) => {
    const [method, target] = ["POST", "/NamespaceOwner"];
    const nonce = BigInt(miner.nonce()) * 1_000_000n;
    const request = { method, target, nonce, sender: sender.hotkey, receiver: miner.identity.hotkey };
    const headers = btauthHeaders({ ...request, body: Buffer.from(text) }, (message) => sender.sign(message));
    return miner.call(method, target, text, headers);
  };
  const signedBad = bad.map(({ body }) => ({ kind: "signed" as const, body }));
  await fuzz(fc.oneof(good(fc.record({ from: fc.constantFrom(...keys) })), bad, signedBad), async (call) => {
    if (call.kind === "bad") return badCall("/NamespaceOwner", call);
    if (call.kind === "signed") {
      sound(await send(alice, typeof call.body === "string" ? call.body : Buffer.from(call.body).toString("latin1")));
      return "bad";
    }
    const to = call.from === alice ? bob : alice;
    const new_signature = toHex(to.sign(ownerChangeMessage("passed", call.from.hotkey, to.hotkey)));
    const body = { action: "rotate", namespace: "passed", new_hotkey: to.hotkey, new_signature };
    const answer = sound(await send(call.from, JSON.stringify(body)));
    expect(answer.status).toBe(call.from === owner ? 200 : 404);
    if (call.from === owner) owner = to;
    expect(await miner.store.namespaces.ownerOf("passed")).toBe(owner.hotkey);
    return "valid";
  });
});

test(`namespace administration takes ${runs} generated calls`, { timeout }, async () => {
  await fuzz(fc.oneof(good(fc.record({ after: fc.string({ maxLength: 20 }) })), bad), async (call) => {
    const body = call.kind === "bad" ? call.body : JSON.stringify({ action: "list", after: call.after });
    const request = new Request("http://127.0.0.1/namespace", { method: "POST", body });
    const response = await miner.fetch(request, { peer: "127.0.0.1", admin: true });
    expect(response.status).toBeLessThan(500);
    const { namespaces, error } = (await response.json()) as { namespaces?: string[]; error?: string };
    if (call.kind === "bad") return "bad";
    expect(error).toBeUndefined();
    expect(namespaces?.every((name) => name > call.after)).toBe(true);
    return "valid";
  });
});

test(`routes that only show take ${runs} generated paths`, { timeout }, async () => {
  const routes = ["/attestation/", "/wallet-stats/", "/retrieve/"] as const;
  const path = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.constantFrom("..", "%", "%2e%2e%2f", "%00", "__proto__", "constructor", "%ff", "hidden"),
  );
  const calls = fc.oneof(
    good(
      fc.record({
        path: fc.constantFrom("/health", "/stats", "/metagraph", "/commitment", "/openapi.json", "/wallet-stats"),
      }),
    ),
    fc.record({ kind: fc.constant("any" as const), route: fc.constantFrom(...routes), path }),
  );
  await fuzz(calls, async (call) => {
    const at = call.kind === "good" ? call.path : `${call.route}${call.path.replace(/[\s#?\\]/g, "")}`;
    const answer = sound(await (randomBytes(1)[0] === 0 ? miner.adminCall("GET", at) : miner.call("GET", at)));
    expect(answer.text).not.toContain(secret);
    if (call.kind === "any") return "bad";
    expect([200, 403]).toContain(answer.status);
    return "valid";
  });
});
