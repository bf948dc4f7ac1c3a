import { globSync, readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { Runtime, type StorageItem } from "../../src/node/chain/subtensor/runtime.ts";
import { METADATA, SPEC } from "../support/subtensor-ledger.ts";

/** What is used of the chain, as its own description has it: a name, an order or a type that changed fails here. */
const CALLS: Readonly<Record<string, string>> = {
  "subtensorModule.burnedRegister": "7.7 netuid:u16, hotkey:AccountId32",
  "subtensorModule.serveAxon":
    "7.4 netuid:u16, version:u32, ip:u128, port:u16, ipType:u8, protocol:u8, placeholder1:u8, placeholder2:u8",
  "subtensorModule.setWeights": "7.0 netuid:u16, dests:Vec<u16>, weights:Vec<u16>, versionKey:u64",
  "subtensorModule.commitTimelockedWeights": "7.113 netuid:u16, commit:Bytes, revealRound:u64, commitRevealVersion:u16",
  "subtensorModule.commitWeights": "7.96 netuid:u16, commitHash:H256",
  "subtensorModule.revealWeights": "7.97 netuid:u16, uids:Vec<u16>, values:Vec<u16>, salt:Vec<u16>, versionKey:u64",
  "commitments.setCommitment": "18.0 netuid:u16, info:PalletCommitmentsCommitmentInfo",
};

/** Newer runtimes have it; this one does not, and the code does without. */
const ABSENT_CALLS = ["subtensorModule.registerLimit"];
const ABSENT_STORAGE = ["subtensorModule.lastEpochBlock", "subtensorModule.pendingEpochAt"];

const STORAGE: Readonly<Record<string, string>> = {
  "subtensorModule.networksAdded": "u16 -> bool",
  "subtensorModule.networkRegistrationAllowed": "u16 -> bool",
  "subtensorModule.subnetworkN": "u16 -> u16",
  "subtensorModule.keys": "(u16,u16) -> AccountId32",
  "subtensorModule.uids": "(u16,AccountId32) -> u16?",
  "subtensorModule.owner": "AccountId32 -> AccountId32",
  "subtensorModule.axons": "(u16,AccountId32) -> PalletSubtensorAxonInfo?",
  "subtensorModule.totalHotkeyAlpha": "(AccountId32,u16) -> u64",
  "subtensorModule.validatorPermit": "u16 -> Vec<bool>",
  "subtensorModule.incentive": "u16 -> Vec<u16>",
  "subtensorModule.lastUpdate": "u16 -> Vec<u64>",
  "subtensorModule.weights": "(u16,u16) -> Vec<(u16,u16)>",
  "subtensorModule.weightCommits": "(u16,AccountId32) -> Vec<(H256,u64,u64,u64)>?",
  "subtensorModule.subnetOwnerHotkey": "u16 -> AccountId32",
  "subtensorModule.tempo": "u16 -> u16",
  "subtensorModule.commitRevealWeightsEnabled": "u16 -> bool",
  "subtensorModule.commitRevealWeightsVersion": "u16",
  "subtensorModule.revealPeriodEpochs": "u16 -> u64",
  "subtensorModule.weightsSetRateLimit": "u16 -> u64",
  "subtensorModule.weightsVersionKey": "u16 -> u64",
  "subtensorModule.minAllowedWeights": "u16 -> u16",
  "subtensorModule.maxWeightsLimit": "u16 -> u16",
  "subtensorModule.servingRateLimit": "u16 -> u64",
  "subtensorModule.immunityPeriod": "u16 -> u16",
  "subtensorModule.burn": "u16 -> u64",
  "subtensorModule.blocksSinceLastStep": "u16 -> u64",
  "commitments.commitmentOf": "(u16,AccountId32) -> PalletCommitmentsRegistration?",
  "timestamp.now": "u64",
  "system.events": "Vec<FrameSystemEventRecord>",
};

const METAGRAPH_FIELDS = {
  hotkeys: "Vec<AccountId32>",
  coldkeys: "Vec<AccountId32>",
  axons: "Vec<PalletSubtensorAxonInfo>",
  validatorPermit: "Vec<bool>",
  incentives: "Vec<Compact<u16>>",
  totalStake: "Vec<Compact<u64>>",
};

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.of({ ...SPEC, genesis: `0x${"11".repeat(32)}` }, METADATA);
});

type Lookup = Parameters<Runtime["api"]["registry"]["createLookupType"]>[0];

function typeName(type: Lookup): string {
  const { lookup } = runtime.api.registry;
  const definition = lookup.getTypeDef(type);
  return definition.lookupName || definition.type;
}

test.each(Object.entries(CALLS))("the call %s is %s", (name, expected) => {
  const [pallet = "", call = ""] = name.split(".");
  const { meta, callIndex } = runtime.api.tx[pallet]?.[call] ?? {};
  const { registry } = runtime.api;
  const args = meta?.fields.map(({ name: field, type }) => {
    const spelled = field
      .unwrap()
      .toString()
      .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return `${spelled}:${typeName(registry.createType("SiLookupTypeId", type))}`;
  });
  expect(`${callIndex?.join(".")} ${args?.join(", ")}`).toBe(expected);
});

test.each(Object.entries(STORAGE))("the storage item %s is %s", (name, expected) => {
  const [pallet = "", item = ""] = name.split(".");
  const meta = runtime.api.query[pallet]?.[item]?.creator.meta;
  const type = meta?.type;
  const shape = type?.isPlain
    ? typeName(type.asPlain)
    : type && `${typeName(type.asMap.key)} -> ${typeName(type.asMap.value)}`;
  expect(`${shape}${meta?.modifier.isOptional ? "?" : ""}`).toBe(expected);
});

test("the runtime's metagraph call takes a netuid and says all that is read of it", () => {
  const { apis } = runtime.api.runtimeMetadata.asLatest;
  const method = apis
    .find(({ name }) => name.eq("SubnetInfoRuntimeApi"))
    ?.methods.find(({ name }) => name.eq("get_metagraph"));
  expect(method?.inputs.map(({ name, type }) => `${name}:${typeName(type)}`)).toEqual(["netuid:u16"]);
  const { registry } = runtime.api;
  const found = registry.createTypeUnsafe("PalletSubtensorRpcInfoMetagraph", []).toRawType();
  expect(JSON.parse(found)).toMatchObject(METAGRAPH_FIELDS);
  expect(method && typeName(method.output)).toBe("Option<PalletSubtensorRpcInfoMetagraph>");
});

test("the length of a slot is a number of milliseconds", () => {
  const { apis } = runtime.api.runtimeMetadata.asLatest;
  const aura = apis.find(({ name }) => name.eq("AuraApi"));
  const method = aura?.methods.find(({ name }) => name.eq("slot_duration"));
  expect(method?.inputs.length).toBe(0);
  expect(method && typeName(method.output)).toBe("u64");
});

test("commitments may have any length up to 128 bytes", () => {
  const fields = (bytes: number) => ({ fields: [{ [`Raw${bytes}`]: `0x${"ab".repeat(bytes)}` }] });
  for (const bytes of [0, 1, 44, 128]) {
    const info = runtime.api.registry.createTypeUnsafe("PalletCommitmentsCommitmentInfo", [fields(bytes)]);
    expect(info.toU8a().length).toBe(2 + bytes);
  }
  expect(() => runtime.api.registry.createTypeUnsafe("PalletCommitmentsCommitmentInfo", [fields(129)])).toThrow();
});

test("System's first two events end every extrinsic", () => {
  const { ExtrinsicSuccess, ExtrinsicFailed } = runtime.api.events["system"] ?? {};
  expect(ExtrinsicSuccess?.meta.index.toNumber()).toBe(0);
  expect(ExtrinsicFailed?.meta.index.toNumber()).toBe(1);
});

test("the chain's errors that mean something to us exist by that name", () => {
  const known = new Set([
    ...Object.keys(runtime.api.errors["subtensorModule"] ?? {}),
    ...Object.keys(runtime.api.errors["commitments"] ?? {}),
  ]);
  const names = ["SettingWeightsTooFast", "CommittingWeightsTooFast", "ServingRateLimitExceeded", "SpaceLimitExceeded"];
  const more = ["NeuronNoValidatorPermit", "NotEnoughStakeToSetWeights", "HotKeyNotRegisteredInSubNet"];
  const switches = ["CommitRevealEnabled", "CommitRevealDisabled", "IncorrectCommitRevealVersion"];
  const rest = ["HotKeyAlreadyRegisteredInSubNet", "IncorrectWeightVersionKey", "TooManyUnrevealedCommits"];
  for (const name of [...names, ...more, ...switches, ...rest]) expect(known).toContain(name);
});

test("nothing else of the chain is used than what is checked here", () => {
  const sources = globSync("src/node/chain/subtensor/*.ts").map((file) => readFileSync(file, "utf8"));
  const text = sources.join("\n");
  const items = new Set(
    [...text.matchAll(/\["?((?:subtensorModule|commitments|timestamp|system|drand)\.\w+)"/g)].map(([, item]) => item),
  );
  for (const [, item] of text.matchAll(/"((?:subtensorModule|commitments|timestamp|system|drand)\.\w+)"/g))
    items.add(item);
  expect(items.size).toBeGreaterThan(20);
  expect(
    [...items].filter((item) => item !== undefined && !(item in STORAGE) && !ABSENT_STORAGE.includes(item)),
  ).toEqual([]);
  const calls = [...text.matchAll(/pallet: "(\w+)", name: "(\w+)"/g)].map(([, pallet, name]) => `${pallet}.${name}`);
  expect(calls.length).toBeGreaterThan(4);
  expect(calls.filter((call) => !(call in CALLS))).toEqual([]);
  for (const call of ABSENT_CALLS) expect(runtime.hasCall(...(call.split(".") as [string, string]))).toBe(false);
  for (const item of ABSENT_STORAGE) expect(runtime.hasStorage(item as StorageItem)).toBe(false);
});
