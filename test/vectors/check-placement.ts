import { deepEqual, equal } from "node:assert/strict";
import { z } from "zod";
import { toHex } from "../../src/crypto/hex.ts";
import { assignNodes, assignWeighted, placementKey } from "../../src/crypto/xor-placement.ts";
import { checker, type VectorCase } from "./checker.ts";

const node = z.object({ uid: z.int(), hotkey: z.string() });
export const dhtCase = z.object({
  local_uid: z.int(),
  peers: z.array(node),
  assignments: z.array(
    z.object({
      cid: z.string(),
      assign3: z.array(z.int()),
      assign6: z.array(z.int()).optional(),
      lookup3: z.array(z.int()).optional(),
      should_store: z.boolean().optional(),
    }),
  ),
});
const keyCase = z.object({ cid: z.string(), key_hex: z.string() });
export const assignCase = z.object({
  input: z.object({
    local: node,
    peers_in_order: z.array(node),
    cid: z.string(),
    reliability_map: z.record(z.string(), z.number()).nullable(),
  }),
  expected: z.object({
    dht_key_hex: z.string(),
    xor_order_top9: z.array(z.int()),
    assigned_uids: z.array(z.int()),
    lookup_alpha3: z.array(z.int()),
    should_store_local: z.boolean(),
  }),
});

/** Placement alone: bucket numbers and table sizes belong to the table that M-W28 does away with. */
export const dht = checker(
  (vector, list) => (list === "cid_to_key" ? verifyKey(vector) : verifyTable(vector)),
  ["cases", "cid_to_key"],
);

function verifyKey(vector: VectorCase): void {
  const { cid, key_hex } = keyCase.parse(vector);
  equal(toHex(placementKey(cid)), key_hex);
}

function verifyTable(vector: VectorCase): void {
  const { local_uid, peers, assignments } = dhtCase.parse(vector);
  const others = peers.filter((peer) => peer.uid !== local_uid);
  for (const expected of assignments) {
    deepEqual(uids(expected.cid, others, 3), expected.assign3);
    if (expected.assign6 !== undefined) deepEqual(uids(expected.cid, others, 6), expected.assign6);
    if (expected.lookup3 !== undefined) deepEqual(uids(expected.cid, others, 3), expected.lookup3);
    if (expected.should_store !== undefined) {
      equal(uids(expected.cid, peers, 3).includes(local_uid), expected.should_store);
    }
  }
}

export const replicationAssign = checker((vector) => {
  const { input, expected } = assignCase.parse(vector);
  const { local, peers_in_order: peers, cid } = input;
  equal(toHex(placementKey(cid)), expected.dht_key_hex);
  deepEqual(uids(cid, peers, 9), expected.xor_order_top9);
  deepEqual(uids(cid, peers, 3), expected.lookup_alpha3);
  equal(uids(cid, [local, ...peers], 3).includes(local.uid), expected.should_store_local);
  const weights = Object.entries(input.reliability_map ?? {});
  // The reference weighs nothing without a map (spec 9.7).
  if (weights.length === 0) return deepEqual(uids(cid, peers, 3), expected.assigned_uids);
  const weightOf = ({ uid }: { readonly uid: number }) => input.reliability_map?.[uid] ?? 0;
  return deepEqual(
    assignWeighted(cid, peers, 3, weightOf).map(({ uid }) => uid),
    expected.assigned_uids,
  );
});

export function uids(cid: string, nodes: readonly z.infer<typeof node>[], count: number): number[] {
  return assignNodes(cid, nodes, count).map(({ uid }) => uid);
}
