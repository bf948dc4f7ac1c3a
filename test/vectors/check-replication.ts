import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { cidOf } from "../../src/crypto/cid.ts";
import { fromHex } from "../../src/crypto/hex.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { type Hotkey, hotkeyOf } from "../../src/crypto/ss58.ts";
import { storageProof } from "../../src/crypto/storage-proof.ts";
import { objectFromPlain } from "../../src/crypto/subnet-json.ts";
import { placesOf, REPLICAS } from "../../src/crypto/xor-placement.ts";
import { callableOrigin } from "../../src/node/chain/node-address.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import { GroundTruthSet } from "../../src/node/validator/ground-truth/ground-truth-set.ts";
import {
  healthOf,
  missingCopies,
  repairTargets,
  urgencyOf,
} from "../../src/node/validator/replication/replica-health.ts";
import { ReplicationKeeper } from "../../src/node/validator/replication/replication-keeper.ts";
import {
  openReplicationStore,
  type ReplicationStore,
} from "../../src/node/validator/replication/store/replication-store.ts";
import { openValidatorStore } from "../../src/node/validator/store/validator-store.ts";
import { quiet } from "../support/client-bench.ts";
import { FixedChain } from "../support/fixed-chain.ts";
import { checker, type Deviated, deviated } from "./checker.ts";

const addressCase = z.object({ input: z.string(), expected: z.boolean() });

/** The address as a chain's axon would have it. */
const scoreRoutableIp = checker((vector) => {
  const { input, expected } = addressCase.parse(vector);
  const isCalled = callableOrigin(`http://${input.includes(":") ? `[${input}]` : input}:8091`, false) !== null;
  if (/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(input)) {
    equal(isCalled, false);
    return deviated("V-W7: shared addresses (100.64.0.0/10) lead into the operator's own network");
  }
  return equal(isCalled, expected);
});

const peer = z.object({ uid: z.int(), hotkey: z.string().transform((text) => text as Hotkey) });
const recordState = z.object({
  assigned: z.array(z.int()),
  confirmed: z.array(z.int()),
  status: z.string(),
  targets: z.array(z.int()),
});
const statusCase = z.object({
  input: z.object({ peers_in_order: z.array(peer), cids: z.array(z.string()) }),
  steps: z.array(
    z.object({
      op: z.tuple([z.string()], z.unknown()),
      result: z.unknown(),
      records: z.record(z.string(), recordState),
      health: z.record(z.string(), z.int()),
      queue_sorted_by_priority_then_cid: z.array(z.tuple([z.int(), z.string(), z.string(), z.boolean()])),
    }),
  ),
});

const replicationStatus = checker(async (vector) => {
  const { input, steps } = statusCase.parse(vector);
  await using opened = await openStore();
  const { store } = opened;
  const records = input.cids.map((cid) => ({ cid, content: null, expiresAt: null }));
  await store.call("track", { records, now: 0 });
  const nodes = input.peers_in_order.map((one) => ({ ...one, stakeTao: 0 }));
  const uidOf = new Map(nodes.map(({ uid, hotkey }) => [hotkey, uid]));
  const hotkeyAt = (uid: number) => nodes.find((node) => node.uid === uid)?.hotkey ?? ("" as Hotkey);
  for (const [index, step] of steps.entries()) {
    const result = await operate(store, step.op, index + 1, hotkeyAt, nodes);
    // Of several that left at once the reference tells the tasks, which are held to the records below.
    if (step.op[0] === "offline_many") deepEqual(inOrder(result), inOrder(taskCids(step)));
    else deepEqual(inOrder(result), inOrder(step.result));
    for (const [cid, expected] of Object.entries(step.records)) {
      const places = placesOf(cid, nodes);
      const copies = await store.call("copies", { cid });
      const confirmed = copies.flatMap(({ miner, confirmedAt }) =>
        confirmedAt === null ? [] : [uidOf.get(miner) ?? -1],
      );
      const missing = missingCopies(confirmed.length, REPLICAS);
      const targets = repairTargets(places, ({ uid }) => confirmed.includes(uid)).slice(0, missing);
      deepEqual(uidsOf(places.slice(0, REPLICAS)), expected.assigned);
      deepEqual(confirmed.toSorted(), expected.confirmed.toSorted());
      equal(healthOf(confirmed.length), expected.status);
      deepEqual(uidsOf(targets), expected.targets);
    }
    deepEqual(await store.call("health", { confirmedAfter: 0 }), step.health);
    const due = await store.call("due", { now: 1e9, confirmedAfter: 0, outlive: 1e9, limit: 100 });
    deepEqual(
      due
        .map(({ cid }) => cid)
        .filter((cid) => step.records[cid]?.status !== "healthy")
        .toSorted(),
      step.queue_sorted_by_priority_then_cid.map(([, cid]) => cid).toSorted(),
    );
    // Most urgent first; among equals the order is nobody's (V-W31).
    const urgencies = due.map(({ copies }) => urgencyOf(healthOf(copies.filter((c) => c.confirmedAt !== null).length)));
    deepEqual(urgencies, urgencies.toSorted());
    deepEqual(
      urgencies.filter((urgency) => urgency < urgencyOf("healthy")),
      step.queue_sorted_by_priority_then_cid.map(([urgency]) => urgency),
    );
  }
});

/** Does to the store what the step did to the reference, and says what came of it as the reference does. */
async function operate(
  store: ReplicationStore,
  [name, ...args]: readonly [string, ...unknown[]],
  at: number,
  hotkeyAt: (uid: number) => Hotkey,
  nodes: readonly { readonly uid: number; readonly hotkey: Hotkey }[],
): Promise<unknown> {
  if (name === "confirm" || name === "unconfirm") {
    const [cid, uid] = z.tuple([z.string(), z.int()]).parse(args);
    await store.call("noteCopies", { copies: [{ cid, miner: hotkeyAt(uid), isHeld: name === "confirm" }], at });
    return null;
  }
  const [gone] = z.tuple([z.union([z.int().transform((uid) => [uid]), z.array(z.int())])]).parse(args);
  const present = nodes.flatMap(({ uid, hotkey }) => (gone.includes(uid) ? [] : [hotkey]));
  return await store.call("depart", { present, now: at });
}

const tasks = z.array(z.tuple([z.string(), z.string(), z.int(), z.array(z.int())]));

function taskCids({ result, records }: z.infer<typeof statusCase>["steps"][number]): readonly string[] {
  return tasks.parse(result).map(([cid, ...task]) => {
    deepEqual(task, [records[cid]?.status, records[cid]?.confirmed.length, records[cid]?.targets]);
    return cid;
  });
}

/** The reference's order is a set's. */
function inOrder(result: unknown): unknown {
  return Array.isArray(result) ? result.toSorted() : result;
}

function uidsOf(nodes: readonly { readonly uid: number }[]): readonly number[] {
  return nodes.map(({ uid }) => uid);
}

const call = z.object({ ip: z.string(), synapse: z.string(), body: z.looseObject({}) });
const content = z.object({ embedding: z.array(z.number()), metadata: z.record(z.string(), z.unknown()) });
const repairCase = z.object({
  input: z.object({
    peers: z.array(peer),
    cid: z.string(),
    confirmed_before: z.array(z.int()),
    axons: z.array(z.object({ uid: z.int(), ip: z.string(), port: z.int() })),
    answers: z.array(z.looseObject({})),
  }),
  expected: z.object({ calls: z.array(call) }),
});
type RepairInput = z.infer<typeof repairCase>["input"];

/**
 * The reference's sweeps are weaknesses: each case is run as it is, for the stricter result, and where it has a source
 * once more with a CID that is the content's, for the calls themselves.
 */
const replicationRepair = checker(async (vector): Promise<Deviated> => {
  const { input, expected } = repairCase.parse(vector);
  const asIs = await sweep(input, input.cid);
  if (input.axons.some(({ ip }) => callableOrigin(`http://${ip}:1`, false) === null)) {
    deepEqual(asIs.calls, []);
    return deviated("V-W6, V-W7: who publishes no public address is asked at another's, on its own port");
  }
  if (input.confirmed_before.length === 0) {
    deepEqual([...new Set(asIs.calls.map(({ ip }) => ip))].sort(), input.axons.map(({ ip }) => ip).sort());
    ok(asIs.calls.every(({ synapse }) => synapse === "RepairSynapse"));
    return deviated("V-W26: lost records are never looked for");
  }
  // What the source gives is not the CID's: nobody is given it.
  ok(asIs.calls.length > 0 && asIs.calls.every(({ synapse }) => synapse === "RepairSynapse"));
  const { embedding, metadata } = content.parse(input.answers[0]);
  const own = cidOf({ embedding: Float32Array.from(embedding), metadata: objectFromPlain(metadata) });
  const { calls, confirmed } = await sweep(input, own);
  const renamed = expected.calls.map((one) => ({ ...one, body: renamedBody(one.body, own) }));
  deepEqual(
    calls
      .filter(({ synapse }) => synapse !== "ChallengeSynapse")
      .map(plainCall)
      .sort(),
    renamed.map(plainCall).sort(),
  );
  // Who refused, or answered with another CID, holds nothing.
  deepEqual(confirmed, input.confirmed_before);
  return deviated("V-W27: sources and targets are believed");
});

function renamedBody(body: Record<string, unknown>, cid: string): Record<string, unknown> {
  const named = ["cid", "cid_override"].filter((key) => key in body);
  return { ...body, ...Object.fromEntries(named.map((key) => [key, cid])) };
}

function plainCall({ ip, synapse, body }: z.infer<typeof call>): string {
  return JSON.stringify([ip, synapse, Object.entries(body).sort()]);
}

/** One sweep of the product over the case's miners, of which the confirmed one has what it answers with, and proves that alone. */
async function sweep(input: RepairInput, cid: string) {
  await using opened = await openStore();
  const { store, folder } = opened;
  await using validatorStore = openValidatorStore(join(folder, "validator.db"));
  const sr25519 = await loadSr25519();
  const pair = sr25519.pairFromSeed(new Uint8Array(32).fill(1));
  const hotkey = hotkeyOf(pair.publicKey);
  const identity = { hotkey, publicKey: pair.publicKey, sign: (m: Uint8Array) => sr25519.sign(pair, m) };
  const shared = { coldkey: hotkey, stakeTao: 0, incentive: 0 };
  const chain = new FixedChain([
    { ...shared, uid: 0, hotkey, endpoint: null, validatorPermit: true },
    ...input.axons.map(({ uid, ip, port }) => ({
      ...{ ...shared, uid, endpoint: `http://${ip}:${port}`, validatorPermit: false },
      hotkey: input.peers.find((one) => one.uid === uid)?.hotkey ?? hotkey,
    })),
  ]);
  chain.identity = async () => "a real one";
  const calls: z.infer<typeof call>[] = [];
  const source = input.axons.find(({ uid }) => uid === input.confirmed_before[0])?.ip;
  const http = createHttpClient(async (request) => {
    const { hostname, pathname } = new URL(request.url);
    if (pathname === "/health") return new Response("{}");
    const { hotkey: _hotkey, nonce: _nonce, signature: _signature, ...body } = JSON.parse(await request.text());
    calls.push({ ip: hostname, synapse: pathname.slice(1), body });
    if (pathname === "/RepairSynapse" && hostname === source) return Response.json(input.answers[0]);
    if (pathname === "/ChallengeSynapse" && hostname === source) {
      const embedding = Float32Array.from(content.parse(input.answers[0]).embedding);
      return Response.json(storageProof(embedding, fromHex(body.nonce_hex, 32) ?? new Uint8Array(), pair.publicKey));
    }
    return pathname === "/IngestSynapse" ? Response.json(input.answers[2]) : new Response("{}", { status: 404 });
  });
  const clock = { now: () => 1e12, sleep: async () => undefined };
  const groundTruth = new GroundTruthSet([], 2);
  const deps = {
    chain,
    store: validatorStore,
    copies: store,
    identity,
    sr25519,
    http,
    clock,
    logger: quiet,
    groundTruth,
  };
  const keeper = new ReplicationKeeper({ ...deps, signal: new AbortController().signal });
  await keeper.track([{ cid, content: null, expiresAt: null }]);
  for (const uid of input.confirmed_before) {
    const miner = input.peers.find((one) => one.uid === uid)?.hotkey;
    // Long ago: it is asked again.
    if (miner) await store.call("noteCopies", { copies: [{ cid, miner, isHeld: true }], at: 1 });
  }
  await keeper.sweep();
  const copies = await store.call("copies", { cid });
  const held = copies.filter(({ confirmedAt }) => confirmedAt !== null).map(({ miner }) => miner);
  return { calls, confirmed: input.peers.filter((one) => held.includes(one.hotkey)).map(({ uid }) => uid) };
}

async function openStore() {
  const folder = await mkdtemp(join(tmpdir(), "engram-vectors-"));
  const store = openReplicationStore(join(folder, "replication.db"));
  return {
    folder,
    store,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** What the validator's placement and repair verify. */
export const replicationKinds = {
  "replication-status": replicationStatus,
  "replication-repair": replicationRepair,
  "score-routable-ip": scoreRoutableIp,
};
