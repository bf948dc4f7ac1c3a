import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { toHex } from "../../../crypto/hex.ts";
import type { BlockRef, ChainSigner } from "../../ports.ts";
import { notOurs } from "./endpoint-pool.ts";
import { ChainRefusal } from "./refusals.ts";
import type { Runtime } from "./runtime.ts";

/** Blocks a signature is good for: afterwards it is certain that the extrinsic never takes effect. */
export const ERA_BLOCKS = 64;
/** Longer payloads are signed by their hash. */
const MAX_SIGNED_BYTES = 256;
/** Marks the signature that follows as sr25519. */
const SR25519 = 1;

/** A call by pallet and name as code spells them, its arguments by the names that metadata gives them. */
export interface ChainWrite {
  readonly pallet: string;
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/**
 * The signed bytes of a call, in hex. `birth` is the block from which its era counts. Arguments are put in the order
 * that this runtime's metadata has them. Throws `CHAIN_RUNTIME_UNSUPPORTED` where it has no such call or wants more.
 */
export function signedExtrinsic(
  runtime: Runtime,
  write: ChainWrite,
  { signer, nonce, birth }: { readonly signer: ChainSigner; readonly nonce: number; readonly birth: BlockRef },
): string {
  const { api, facts } = runtime;
  const { registry } = api;
  const extrinsic = callOf(runtime, write);
  const values = {
    method: extrinsic.method.toHex(),
    era: registry.createTypeUnsafe("ExtrinsicEra", [{ current: birth.number, period: ERA_BLOCKS }]).toHex(),
    blockHash: birth.hash,
    genesisHash: facts.genesis,
    ...{ nonce, tip: 0, mode: 0, metadataHash: null },
    specVersion: facts.specVersion,
    transactionVersion: facts.transactionVersion,
  };
  const payload = registry.createType("ExtrinsicPayload", values, { version: extrinsic.version });
  const bytes = payload.toU8a({ method: true });
  const signature = signer.sign(bytes.length > MAX_SIGNED_BYTES ? registry.hash(bytes).toU8a() : bytes);
  extrinsic.addSignature(signer.hotkey, Buffer.from([SR25519, ...signature]), payload.toHex());
  return extrinsic.toHex();
}

/** The unsigned call. */
function callOf({ api }: Runtime, { pallet, name, args }: ChainWrite) {
  const found = api.tx[pallet]?.[name];
  if (!found) throw unsupported(`${pallet}.${name}`);
  const names = found.meta.args.map((arg) => arg.name.toString());
  if (names.some((one) => !(camel(one) in args))) throw unsupported(`${pallet}.${name}`);
  return found(...names.map((one) => args[camel(one)]));
}

function camel(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

const record = z.object({
  phase: z.object({ applyExtrinsic: z.number() }).partial(),
  event: z.object({ index: z.string(), data: z.array(z.unknown()) }),
});
const moduleError = z.object({ module: z.object({ index: z.number(), error: z.string() }) });
/** System is pallet 0; its events 0 and 1 end every extrinsic. */
const ENDED = { well: "0x0000", badly: "0x0001" } as const;

/** Why the extrinsic at that place of a block failed; `undefined` where it did what it was to do. */
export function dispatchFailure(runtime: Runtime, events: unknown, index: number): ChainRefusal | undefined {
  const parsed = z.array(record).safeParse(events);
  if (!parsed.success) throw notOurs();
  const own = parsed.data.filter(({ phase }) => phase.applyExtrinsic === index).map(({ event }) => event);
  if (own.some((event) => event.index === ENDED.well)) return undefined;
  const failed = own.find((event) => event.index === ENDED.badly);
  if (!failed) throw notOurs();
  const found = moduleError.safeParse(failed.data[0]);
  return new ChainRefusal(found.success ? moduleErrorName(runtime, found.data.module) : plainErrorName(failed.data[0]));
}

function moduleErrorName({ api }: Runtime, { index, error }: z.output<typeof moduleError>["module"]): string {
  try {
    const code = Buffer.from(error.replace(/^0x/, ""), "hex");
    return api.registry.findMetaError(new Uint8Array([index, code[0] ?? 0])).name;
  } catch {
    return `ModuleError${index}`;
  }
}

function plainErrorName(error: unknown): string {
  const name = typeof error === "object" && error !== null ? Object.keys(error)[0] : error;
  return typeof name === "string" && /^\w{1,40}$/.test(name) ? name : "DispatchError";
}

function unsupported(what: string): EngramError {
  return new EngramError("CHAIN_RUNTIME_UNSUPPORTED", `the chain's runtime takes ${what} differently, or not at all`, {
    fix: "use a newer version of Engram, or another network",
  });
}

/** `bytes` of a call, for comparison. */
export function callHex(runtime: Runtime, write: ChainWrite): string {
  return `0x${toHex(callOf(runtime, write).method.toU8a())}`;
}
