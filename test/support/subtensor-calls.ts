import type { Hotkey } from "../../src/crypto/ss58.ts";
import type { Runtime, StorageItem } from "../../src/node/chain/subtensor/runtime.ts";

/** The one subnet of the stub. */
export const NETUID = 450;

interface Call {
  readonly section: string;
  readonly method: string;
  readonly args: readonly { toJSON(): unknown }[];
}

/** The state that calls find and change. */
interface State {
  readonly runtime: Runtime;
  readonly head: { readonly number: number };
  get<T>(item: StorageItem, args: readonly unknown[]): T;
  set(item: StorageItem, args: readonly unknown[], value: unknown): void;
}

/** Applies a call as the pallets do, as far as this project uses them; returns the error's name when it fails. */
export function applySubtensorCall(ledger: State, call: Call, signer: Hotkey): string | undefined {
  const [first, ...rest] = call.args.map((arg) => arg.toJSON()) as unknown[];
  const uid = ledger.get<number | null>("subtensorModule.uids", [NETUID, signer]);
  switch (`${call.section}.${call.method}`) {
    case "subtensorModule.burnedRegister":
      return register(ledger, rest[0] as Hotkey, signer);
    case "subtensorModule.serveAxon": {
      const [version, ip, port, ipType, protocol, placeholder1, placeholder2] = rest as number[];
      if (uid === null) return "HotKeyNotRegisteredInNetwork";
      const axon = { block: ledger.head.number, version, ip, port, ipType, protocol, placeholder1, placeholder2 };
      ledger.set("subtensorModule.axons", [NETUID, signer], axon);
      return undefined;
    }
    case "subtensorModule.setWeights": {
      if (ledger.get("subtensorModule.commitRevealWeightsEnabled", [NETUID])) return "CommitRevealEnabled";
      return setWeights(ledger, uid, rest as [number[], number[]]);
    }
    case "subtensorModule.commitTimelockedWeights":
      return commit(ledger, uid, [signer, ledger.head.number, rest[0], rest[1]]);
    case "subtensorModule.commitWeights": {
      if (uid === null) return "HotKeyNotRegisteredInSubNet";
      const { number } = ledger.head;
      const known = ledger.get<unknown[] | null>("subtensorModule.weightCommits", [NETUID, signer]) ?? [];
      const commits = [...known, [rest[0], number, number + 2, number + 10]];
      ledger.set("subtensorModule.weightCommits", [NETUID, signer], commits);
      return undefined;
    }
    case "subtensorModule.revealWeights":
      return reveal(ledger, uid, signer, rest);
    case "commitments.setCommitment": {
      const commitment = { deposit: 0, block: ledger.head.number, info: rest[0] };
      ledger.set("commitments.commitmentOf", [first, signer], commitment);
      return undefined;
    }
    default:
      throw new Error(`the stub knows no ${call.section}.${call.method}`);
  }
}

function register(ledger: State, hotkey: Hotkey, coldkey: Hotkey): string | undefined {
  if (ledger.get("subtensorModule.uids", [NETUID, hotkey]) !== null) return "HotKeyAlreadyRegisteredInSubNet";
  const uid = ledger.get<number>("subtensorModule.subnetworkN", [NETUID]);
  ledger.set("subtensorModule.subnetworkN", [NETUID], uid + 1);
  ledger.set("subtensorModule.uids", [NETUID, hotkey], uid);
  ledger.set("subtensorModule.keys", [NETUID, uid], hotkey);
  ledger.set("subtensorModule.owner", [hotkey], coldkey);
  for (const [item, value] of [
    ["subtensorModule.validatorPermit", false],
    ["subtensorModule.lastUpdate", 0],
    ["subtensorModule.incentive", 0],
  ] as const) {
    ledger.set(item, [NETUID], [...ledger.get<unknown[]>(item, [NETUID]), value]);
  }
  return undefined;
}

function setWeights(ledger: State, uid: number | null, [uids, values]: [number[], number[]]) {
  if (uid === null) return "HotKeyNotRegisteredInSubNet";
  const last = ledger.get<number[]>("subtensorModule.lastUpdate", [NETUID]);
  const interval = ledger.get<number>("subtensorModule.weightsSetRateLimit", [NETUID]);
  const at = last[uid] ?? 0;
  if (at > 0 && ledger.head.number - at < interval) return "SettingWeightsTooFast";
  ledger.set("subtensorModule.lastUpdate", [NETUID], last.with(uid, ledger.head.number));
  putRow(ledger, uid, uids, values);
  return undefined;
}

function putRow(ledger: State, uid: number, uids: number[], values: number[]): void {
  const row = uids.map((target, index) => [target, values[index]]);
  ledger.set("subtensorModule.weights", [NETUID, uid], row);
  const sum = values.reduce((total, value) => total + value, 0);
  const incentive = ledger.get<number[]>("subtensorModule.incentive", [NETUID]);
  const earned = incentive.map((old, target) => {
    const index = uids.indexOf(target);
    return index < 0 ? old : Math.round(((values[index] ?? 0) / sum) * 65_535);
  });
  ledger.set("subtensorModule.incentive", [NETUID], earned);
}

/** The stub keeps all timelocked commits under epoch 0. */
function commit(ledger: State, uid: number | null, entry: unknown[]): string | undefined {
  if (uid === null) return "HotKeyNotRegisteredInSubNet";
  if (!ledger.get("subtensorModule.commitRevealWeightsEnabled", [NETUID])) return "CommitRevealDisabled";
  const known = ledger.get<unknown[]>("subtensorModule.timelockedWeightCommits", [NETUID, 0]);
  ledger.set("subtensorModule.timelockedWeightCommits", [NETUID, 0], [...known, entry]);
  return undefined;
}

function reveal(ledger: State, uid: number | null, signer: Hotkey, args: unknown[]): string | undefined {
  if (uid === null) return "HotKeyNotRegisteredInSubNet";
  const [uids, values, salt, version] = args as [number[], number[], number[], number];
  const { registry } = ledger.runtime.api;
  const parts = [signer, NETUID, uids, values, salt, version];
  const tuple = registry.createType("(AccountId32,u16,Vec<u16>,Vec<u16>,Vec<u16>,u64)", parts);
  const hash = registry.hash(tuple.toU8a()).toHex();
  type Commits = [string, number, number, number][];
  const commits = ledger.get<Commits | null>("subtensorModule.weightCommits", [NETUID, signer]) ?? [];
  const found = commits.find(([known]) => known === hash);
  if (!found) return "InvalidRevealCommitHashNotMatch";
  if (ledger.head.number < found[2]) return "RevealTooEarly";
  ledger.set(
    "subtensorModule.weightCommits",
    [NETUID, signer],
    commits.filter((one) => one !== found),
  );
  putRow(ledger, uid, uids, values);
  return undefined;
}
