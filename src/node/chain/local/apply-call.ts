import { EngramError } from "../../../crypto/errors.ts";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";
import { MAX_COMMITMENT_BYTES } from "../../ports.ts";
import { type ChainCall, MAX_NEURONS } from "./chain-call.ts";
import type { Facts, FactTable } from "./fact-table.ts";
import type { LocalChainSettings } from "./local-chain-settings.ts";
import { permitsAt } from "./local-metagraph.ts";
import { invalid, toWeightRow } from "./weight-row.ts";

/** The block a call is included in, and the state it finds and changes. */
export interface CallContext {
  readonly facts: FactTable;
  readonly block: number;
  readonly settings: LocalChainSettings;
}

/** Applies a call or throws why the chain refuses it, having changed nothing. Returns the hotkey's uid. */
export function applyCall(context: CallContext, call: ChainCall): number | null {
  if (!isHotkey(call.hotkey)) throw noAddress();
  switch (call.kind) {
    case "register":
      return register(context, call.hotkey, call.coldkey);
    case "stake":
      if (!Number.isFinite(call.tao) || call.tao < 0) throw stakeInvalid();
      put(context, "stake", call.hotkey, call.tao);
      return null;
    case "serveAxon": {
      const { uid } = registered(context, call.hotkey);
      put(context, "axon", call.hotkey, parseEndpoint(call.endpoint));
      return uid;
    }
    case "setWeights":
      return setWeights(context, call.hotkey, call.weights);
    case "setCommitment": {
      const { uid } = registered(context, call.hotkey);
      if (call.bytes.length > 2 * MAX_COMMITMENT_BYTES) throw commitmentTooLong();
      put(context, "commitment", call.hotkey, call.bytes);
      return uid;
    }
  }
}

function put<K extends keyof Facts>(context: CallContext, kind: K, hotkey: Hotkey, value: Facts[K]): void {
  const { facts, block, settings } = context;
  facts.put(kind, hotkey, block, value, block - settings.historyBlocks);
}

function register(context: CallContext, hotkey: Hotkey, coldkey: Hotkey): number {
  if (!isHotkey(coldkey)) throw noAddress();
  const known = context.facts.get("neuron", hotkey, context.block)?.value;
  if (known && known.coldkey !== coldkey) {
    throw new EngramError("CHAIN_COLDKEY", "this hotkey is registered under another coldkey", {
      fix: "use the coldkey it was registered with, or another hotkey",
    });
  }
  if (known) return known.uid;
  // Nobody is ever deregistered here, so uids have no gaps.
  const uid = context.facts.all("neuron", context.block).size;
  if (uid >= MAX_NEURONS) {
    throw new EngramError("CHAIN_FULL", `the local chain holds at most ${MAX_NEURONS} neurons`, {
      fix: "use another data folder",
    });
  }
  put(context, "neuron", hotkey, { uid, coldkey });
  return uid;
}

function setWeights(context: CallContext, hotkey: Hotkey, weights: Facts["weights"]): number {
  const { facts, block, settings } = context;
  const { uid } = registered(context, hotkey);
  if (!permitsAt(facts, block).has(hotkey)) {
    throw new EngramError("CHAIN_NO_PERMIT", "this hotkey has no validator permit", {
      fix: "stake to it: permits go to the registered hotkeys with the most stake",
    });
  }
  const last = facts.get("weights", hotkey, block);
  const wait = last ? last.block + settings.weightsInterval - block : 0;
  if (wait > 0) throw tooSoon(wait, settings);
  const row = toWeightRow(weights);
  const neurons = facts.all("neuron", block).size;
  if (row.some(([target]) => target >= neurons)) throw invalid("names a uid that is not registered");
  put(context, "weights", hotkey, row);
  return uid;
}

function registered({ facts, block }: CallContext, hotkey: Hotkey): Facts["neuron"] {
  const found = facts.get("neuron", hotkey, block);
  if (found) return found.value;
  throw new EngramError("CHAIN_NOT_REGISTERED", "this hotkey is not registered on the chain", {
    fix: "register it first",
  });
}

function tooSoon(wait: number, { blocks, blockMs, weightsInterval }: LocalChainSettings): EngramError {
  return new EngramError("CHAIN_RATE_LIMIT", `weights may be set once in ${weightsInterval} blocks`, {
    fix: `wait ${wait} more ${wait === 1 ? "block" : "blocks"}`,
    ...(blocks === "clock" ? { retryAfterMs: wait * blockMs } : {}),
  });
}

export function noAddress(): EngramError {
  return new EngramError("CHAIN_KEY_INVALID", "this is no SS58 address", { fix: "check both keys" });
}

export function commitmentTooLong(): EngramError {
  return new EngramError("CHAIN_COMMITMENT_INVALID", `a commitment has at most ${MAX_COMMITMENT_BYTES} bytes`, {
    fix: "commit to a hash of it",
  });
}

function stakeInvalid(): EngramError {
  return new EngramError("CHAIN_STAKE_INVALID", "a stake is a number of TAO from 0", { fix: "give another number" });
}

/** What an axon can say on any chain: a host and a port, nothing behind them. */
function parseEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isBare = url && (url.href === `${url.origin}/` || url.href === url.origin);
  if (isBare && url.protocol === "http:") return `http://${url.hostname}:${url.port || 80}`;
  if (isBare && url.protocol === "https:") return `https://${url.hostname}:${url.port || 443}`;
  throw new EngramError("CHAIN_ENDPOINT", "an axon is served at http://host:port or https://host:port", {
    fix: "give the address and port under which other machines reach this miner",
  });
}
