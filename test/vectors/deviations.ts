import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { z } from "zod";
import { responsePad } from "../../src/crypto/padding.ts";
import { readSubnetJson } from "../../src/crypto/subnet-json-reader.ts";
import { freezeRanking } from "../../src/relay/payload/freeze-output.ts";
import { assignCase, dhtCase, uids } from "./check-placement.ts";
import { payloadInput, rawScores } from "./check-relay.ts";
import type { VectorCase } from "./checker.ts";

/** Where the reference's recorded behaviour is a weakness: what we do instead, and for which inputs. */
export interface Deviation {
  readonly kinds: readonly string[];
  /** The weakness that the reference's answer is an instance of. */
  readonly weakness: string;
  /** Decides by the case's input alone, never by its name or its expected output. */
  readonly applies: (vector: VectorCase) => boolean;
  /** Throws unless the product gives the stricter result. */
  readonly assert: (vector: VectorCase) => void;
}

const TOP_BUCKET = 65536;
const sizeInput = z.object({ unpadded_len: z.int() });
const jsonInput = z.union([
  z.object({ json_text: z.string() }).transform((input) => [input.json_text]),
  z.object({ body_json: z.string() }).transform((input) => [input.body_json]),
  z
    .object({ embedding_json: z.string(), metadata_json: z.string() })
    .transform((input) => [input.embedding_json, input.metadata_json]),
  z.object({ input: z.object({ body_json: z.string() }) }).transform(({ input }) => [input.body_json]),
]);

export const deviations: readonly Deviation[] = [
  {
    kinds: ["padding"],
    weakness: "M-W24: bodies above the top bucket go out unpadded",
    applies: (vector) => {
      const input = sizeInput.safeParse(vector);
      return input.success && input.data.unpadded_len + ', "_p": ""'.length >= TOP_BUCKET;
    },
    assert: (vector) => {
      const { unpadded_len } = sizeInput.parse(vector);
      const pad = responsePad(unpadded_len);
      ok(pad > 0 && pad <= TOP_BUCKET);
      equal((unpadded_len + ', "_p": ""'.length + pad) % TOP_BUCKET, 0);
    },
  },
  {
    kinds: ["pyjson", "cid", "signing", "relay-request-hash"],
    weakness: "M-W17: bare NaN and Infinity are read as numbers",
    applies: (vector) => bareWordTexts(vector).length > 0,
    assert: (vector) => {
      for (const text of bareWordTexts(vector)) throws(() => readSubnetJson(text), { code: "JSON_INVALID" });
    },
  },
  {
    kinds: ["relay-payload"],
    weakness: "V-W36: NaN and Infinity are signed as invalid JSON",
    applies: (vector) => notFinite(vector),
    assert: (vector) => {
      const { input } = relayInput.parse(vector);
      throws(() => freezeRanking(rawScores(input)), { code: "SCORES_INVALID" });
    },
  },
  {
    kinds: ["dht", "replication-assign"],
    weakness: "M-W28: full buckets drop newcomers, so nodes disagree about placement",
    applies: (vector) => {
      const table = tableOf(vector);
      return table !== undefined && overflows(table.local, table.nodes);
    },
    assert: (vector) => {
      const table = tableOf(vector);
      ok(table);
      for (const cid of table.cids) deepEqual(uids(cid, table.nodes, 9), nearest(cid, table.nodes));
    },
  },
];

const relayInput = z.object({ input: payloadInput });

function notFinite(vector: VectorCase): boolean {
  const { recall_scores, latency_scores, proof_rates } = relayInput.parse(vector).input;
  const values = [recall_scores, latency_scores, proof_rates].flatMap((map) => [...map.values()]);
  return values.some((value) => value !== null && !Number.isFinite(Number(value)));
}

function bareWordTexts(vector: VectorCase): string[] {
  const texts = jsonInput.safeParse(vector).data ?? [];
  return texts.filter((text) => /NaN|Infinity/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""')));
}

interface Table {
  readonly local: string;
  readonly nodes: readonly { readonly uid: number; readonly hotkey: string }[];
  readonly cids: readonly string[];
}

function tableOf(vector: VectorCase): Table | undefined {
  const dht = dhtCase.safeParse(vector).data;
  if (dht !== undefined) {
    const local = dht.peers.find((peer) => peer.uid === dht.local_uid)?.hotkey ?? "";
    return { local, nodes: dht.peers, cids: dht.assignments.map(({ cid }) => cid) };
  }
  const input = assignCase.safeParse(vector).data?.input;
  return input && { local: input.local.hotkey, nodes: input.peers_in_order, cids: [input.cid] };
}

/** Whether the reference's table of 20 a bucket, as seen by `local`, has no room for all nodes (spec 9.8). */
function overflows(local: string, nodes: Table["nodes"]): boolean {
  const sizes = new Map<number, number>();
  for (const { hotkey } of nodes) {
    if (hotkey === local) continue;
    const bucket = (id(local) ^ id(hotkey)).toString(2).length;
    sizes.set(bucket, (sizes.get(bucket) ?? 0) + 1);
  }
  return [...sizes.values()].some((size) => size > 20);
}

/** The nine nearest, computed another way than the product does. */
function nearest(cid: string, nodes: Table["nodes"]): number[] {
  const key = id(cid.slice(cid.indexOf("::") + 2));
  const ranked = nodes.map((node) => ({ uid: node.uid, distance: key ^ id(node.hotkey) }));
  ranked.sort((left, right) => (left.distance < right.distance ? -1 : 1));
  return ranked.slice(0, 9).map(({ uid }) => uid);
}

function id(text: string): bigint {
  return BigInt(`0x${createHash("sha256").update(text).digest("hex")}`);
}
