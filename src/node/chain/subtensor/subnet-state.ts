import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { decodeHotkey, type Hotkey, isHotkey } from "../../../crypto/ss58.ts";
import type { Metagraph, Neuron, WeightRow } from "../../ports.ts";
import { axonSchema, endpointOfAxon, wholeNumber } from "./axon.ts";
import type { ChainReader, StateAt, StorageQuery } from "./chain-reader.ts";
import { notOurs } from "./endpoint-pool.ts";

export const RAO_PER_TAO = 1_000_000_000n;
const MAX_INCENTIVE = 65_535;

const address = z.string().refine(isHotkey);
const count = z.number().int().min(0);
const pairs = z.array(z.tuple([count, count]));

/** By uid each; the fields that are used of what the runtime says of a subnet in one call. */
const wholeMetagraph = z.object({
  hotkeys: z.array(address),
  coldkeys: z.array(address),
  axons: z.array(axonSchema),
  validatorPermit: z.array(z.boolean()),
  incentives: z.array(count),
  totalStake: z.array(wholeNumber),
});

/** The neurons as of a block, ordered by uid. */
export async function readMetagraph(reader: ChainReader, state: StateAt, netuid: number): Promise<Metagraph> {
  const { number, hash } = state.block;
  const answer = await reader.callApi(state, ["SubnetInfoRuntimeApi", "get_metagraph", netuid]);
  if (answer === null) throw noSubnet();
  // Old runtimes have no such call, or one whose answer is bytes of an undescribed form.
  const whole = wholeMetagraph.safeParse(answer);
  const neurons = whole.success ? neuronsOf(whole.data) : await neuronsInStorage(reader, state, netuid);
  return { block: number, hash, neurons };
}

function neuronsOf(whole: z.output<typeof wholeMetagraph>): readonly Neuron[] {
  const { hotkeys, coldkeys, axons, validatorPermit, incentives, totalStake } = whole;
  return hotkeys.map((hotkey, uid) => {
    const [coldkey, axon, stake] = [coldkeys[uid], axons[uid], totalStake[uid]];
    if (coldkey === undefined || axon === undefined || stake === undefined) throw notOurs();
    return {
      ...{ uid, hotkey, coldkey, endpoint: endpointOfAxon(axon), stakeTao: taoOf(stake) },
      validatorPermit: validatorPermit[uid] ?? false,
      incentive: (incentives[uid] ?? 0) / MAX_INCENTIVE,
    };
  });
}

/** For runtimes without the call: every fact from its own storage item, in few large questions. */
async function neuronsInStorage(reader: ChainReader, state: StateAt, netuid: number): Promise<readonly Neuron[]> {
  const [exists, size, permits, incentives] = await reader.read(state, [
    ["subtensorModule.networksAdded", netuid],
    ["subtensorModule.subnetworkN", netuid],
    ["subtensorModule.validatorPermit", netuid],
    ["subtensorModule.incentive", netuid],
  ]);
  if (exists === false) throw noSubnet();
  const uids = Array.from({ length: parse(count, size) }, (_, uid) => uid);
  const permitted = parse(z.array(z.boolean()), permits);
  const earned = parse(z.array(count), incentives);
  const keys = await reader.read(
    state,
    uids.map((uid): StorageQuery => ["subtensorModule.keys", netuid, uid]),
  );
  const hotkeys = parse(z.array(address), keys);
  const facts = await reader.read(
    state,
    hotkeys.flatMap((hotkey): StorageQuery[] => [
      ["subtensorModule.owner", hotkey],
      ["subtensorModule.axons", netuid, hotkey],
      ["subtensorModule.totalHotkeyAlpha", hotkey, netuid],
    ]),
  );
  return hotkeys.map((hotkey, uid) => ({
    uid,
    hotkey,
    coldkey: parse(address, facts[3 * uid]),
    endpoint: axonEndpoint(facts[3 * uid + 1]),
    stakeTao: taoOf(parse(wholeNumber, facts[3 * uid + 2])),
    validatorPermit: permitted[uid] ?? false,
    incentive: (earned[uid] ?? 0) / MAX_INCENTIVE,
  }));
}

function axonEndpoint(axon: unknown): string | null {
  const found = parse(axonSchema.nullable(), axon);
  return found && endpointOfAxon(found);
}

/** Rows by the uid that set them; those who set none have no row. */
export async function readWeights(
  reader: ChainReader,
  state: StateAt,
  netuid: number,
): Promise<ReadonlyMap<number, WeightRow>> {
  const [size] = await reader.read(state, [["subtensorModule.subnetworkN", netuid]]);
  const uids = Array.from({ length: parse(count, size) }, (_, uid) => uid);
  const rows = await reader.read(
    state,
    uids.map((uid): StorageQuery => ["subtensorModule.weights", netuid, uid]),
  );
  const found = uids.map((uid) => [uid, rowOf(rows[uid])] as const);
  return new Map(found.filter(([, row]) => row.size > 0));
}

/** The row of one uid; empty where it set none. */
export async function readRow(reader: ChainReader, state: StateAt, netuid: number, uid: number): Promise<WeightRow> {
  const [row] = await reader.read(state, [["subtensorModule.weights", netuid, uid]]);
  return rowOf(row);
}

function rowOf(row: unknown): WeightRow {
  return new Map(parse(pairs, row).filter(([, weight]) => weight > 0));
}

/** The uid of a hotkey; null where it is not registered, or no key at all. */
export async function readUid(
  reader: ChainReader,
  state: StateAt,
  netuid: number,
  hotkey: Hotkey,
): Promise<number | null> {
  if (!decodeHotkey(hotkey)) return null;
  const [uid] = await reader.read(state, [["subtensorModule.uids", netuid, hotkey]]);
  return parse(count.nullable(), uid);
}

/** A number of rao as TAO. */
export function taoOf(rao: bigint): number {
  return Number(rao / RAO_PER_TAO) + Number(rao % RAO_PER_TAO) / Number(RAO_PER_TAO);
}

/** `value` in the shape that the runtime's description promised. Throws `CHAIN_REPLY_INVALID`. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw notOurs();
  return parsed.data;
}

export function noSubnet(): EngramError {
  return new EngramError("CHAIN_NO_SUBNET", "the chain has no subnet of that number", {
    fix: "check NETUID and ENGRAM_CHAIN: a subnet has another number on each network",
  });
}
