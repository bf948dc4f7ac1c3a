import PQueue from "p-queue";
import { z } from "zod";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { BlockRef, ChainSigner } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ChainReader, StateAt } from "./chain-reader.ts";
import { type EndpointPool, notOurs } from "./endpoint-pool.ts";
import { type ChainWrite, dispatchFailure, ERA_BLOCKS, signedExtrinsic } from "./extrinsic.ts";
import { timedOut } from "./json-rpc-socket.ts";
import { ChainRefusal, invalidityIn, isRefusal, poolRefusal } from "./refusals.ts";

/** An era begins at the finalized block, but not so long ago that little of it is left. */
const MAX_BIRTH_AGE = 16;
/** Times an extrinsic is signed anew that the pool never took. */
const MAX_SIGNINGS = 8;
/** Writes of one signer that may wait for their turn. */
const MAX_QUEUED = 64;
/** How long a watch may be silent before the blocks themselves are looked at. */
const WATCH_MS = 30_000;
const LOOK_MS = 1_500;
/** Time for what stands in the way to move on. */
const RESIGN_MS = 500;

const account = z.number().int().min(0);
const status = z.union([
  z.object({ inBlock: z.string() }).transform(({ inBlock }) => ({ block: inBlock })),
  z.object({ finalized: z.string() }).transform(({ finalized }) => ({ block: finalized })),
  z.object({ usurped: z.string() }).transform(() => ({ gone: "Usurped" })),
  z.literal("dropped").transform(() => ({ gone: "Dropped" })),
  z.literal("invalid").transform(() => ({ gone: "Invalid" })),
  // Some nodes say here why it could not be applied.
  z.object({ invalid: z.unknown() }).transform((said) => ({ gone: invalidityIn(JSON.stringify(said)) ?? "Invalid" })),
]);
type Outcome = z.output<typeof status>;
const body = z.object({ block: z.object({ extrinsics: z.array(z.string()) }) });

interface Signed {
  readonly hex: string;
  /** The head when it was signed: it stands in none of the blocks up to there. */
  readonly after: number;
  readonly dies: number;
}

interface Deps {
  readonly pool: EndpointPool;
  readonly reader: ChainReader;
  readonly clock: Clock;
  /** Longest time from signing to inclusion. */
  readonly writeMs: number;
}

/**
 * Brings calls into blocks, one after the other for each signer. Bytes once signed are sent again as they are, never
 * signed anew, until they are found in a block or their era is over: an extrinsic takes effect once at most.
 * Errors: `ChainRefusal`, those of `ChainReader`, `CHAIN_TIMEOUT` (whether it takes effect is then unknown).
 */
export class ExtrinsicSubmitter {
  readonly #deps: Deps;
  readonly #queues = new Map<Hotkey, PQueue>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The block that includes the call, which has then done what it was to do. */
  async submit(signer: ChainSigner, write: ChainWrite): Promise<BlockRef> {
    const queue = this.#queues.get(signer.hotkey) ?? new PQueue({ concurrency: 1 });
    this.#queues.set(signer.hotkey, queue);
    if (queue.size >= MAX_QUEUED) {
      throw new EngramError("CHAIN_BUSY", "too many writes of this key wait for their turn", {
        fix: "try again later",
      });
    }
    return await queue.add(() => this.#submitNow(signer, write));
  }

  async #submitNow(signer: ChainSigner, write: ChainWrite): Promise<BlockRef> {
    const ends = this.#deps.clock.now() + this.#deps.writeMs;
    for (let signings = 1; ; signings++) {
      try {
        return await this.#deliver(await this.#sign(signer, write), ends);
      } catch (error) {
        // The pool took none of these: signing anew cannot make two of one.
        const isStale = isRefusal(error, "NonceTaken", "PriorityTooLow", "SignatureOutdated");
        if (!isStale || signings >= MAX_SIGNINGS || this.#deps.clock.now() >= ends) throw error;
        if (!isRefusal(error, "NonceTaken")) await this.#deps.clock.sleep(RESIGN_MS);
      }
    }
  }

  async #sign(signer: ChainSigner, write: ChainWrite): Promise<Signed> {
    const { pool, reader } = this.#deps;
    const state = await reader.stateAtHead();
    const birth = await this.#birth(state.block);
    const next = account.safeParse(await pool.request("system_accountNextIndex", [signer.hotkey]));
    if (!next.success) throw notOurs();
    const hex = signedExtrinsic(state.runtime, write, { signer, nonce: next.data, birth });
    // The head's own block may still take it where blocks are made on demand.
    return { hex, after: state.block.number - 1, dies: birth.number + ERA_BLOCKS };
  }

  async #birth(head: BlockRef): Promise<BlockRef> {
    const { reader } = this.#deps;
    const finalized = await reader.finalized();
    if (finalized.number >= head.number - MAX_BIRTH_AGE) return finalized.number > head.number ? head : finalized;
    const number = head.number - MAX_BIRTH_AGE;
    const hash = await reader.blockHash(number);
    if (hash === null) throw notOurs();
    return { number, hash };
  }

  /** Sends the bytes, and when the answer is lost looks for their effect before they are sent again. */
  async #deliver(signed: Signed, ends: number): Promise<BlockRef> {
    const { clock } = this.#deps;
    for (let sent = false; ; sent = true) {
      const outcome = await this.#send(signed, ends).catch((error: unknown) => lostOrThrow(error, sent));
      if (outcome && "block" in outcome) return await this.#included(outcome.block, signed);
      const look = await this.#look(signed).catch(dropTransport);
      if (look?.found) return await this.#included(look.found, signed);
      // A nonce that is taken may have been taken by these very bytes.
      if (look && outcome && outcome.gone !== "NonceTaken") throw new ChainRefusal(outcome.gone);
      if (look && look.head > signed.dies) throw new ChainRefusal("Expired");
      if (clock.now() >= ends) throw unknownEffect();
      await clock.sleep(LOOK_MS);
    }
  }

  /** What became of it; `undefined` when the connection was lost before that was known. */
  async #send({ hex }: Signed, ends: number): Promise<Outcome | undefined> {
    const { pool, clock } = this.#deps;
    const settled = Promise.withResolvers<Outcome | undefined>();
    const names = {
      method: "author_submitAndWatchExtrinsic",
      unsubscribe: "author_unwatchExtrinsic",
      params: [hex],
    };
    const hear = (said: unknown) => {
      const parsed = status.safeParse(said);
      if (parsed.success) settled.resolve(parsed.data);
    };
    using watch = await pool.subscribeOnce(names, hear);
    const lost = () => settled.resolve(undefined);
    if (watch.ended.aborted) lost();
    watch.ended.addEventListener("abort", lost, { once: true });
    const waiting = new AbortController();
    const patience = Math.max(Math.min(ends - clock.now(), WATCH_MS), 1);
    const timer = clock.sleep(patience, waiting.signal).then(lost, () => undefined);
    try {
      return await settled.promise;
    } finally {
      waiting.abort();
      await timer;
    }
  }

  /** The hash of the block that holds the bytes, of those since they were signed. */
  async #look({ hex, after, dies }: Signed): Promise<{ readonly head: number; readonly found: string | undefined }> {
    const { reader } = this.#deps;
    const { number: head } = await reader.head();
    for (let number = Math.max(after, 0); number <= Math.min(head, dies); number++) {
      const hash = await reader.blockHash(number);
      if (hash !== null && (await this.#extrinsicsOf(hash)).includes(hex)) return { head, found: hash };
    }
    return { head, found: undefined };
  }

  /** Throws what the call failed with. */
  async #included(hash: string, { hex }: Signed): Promise<BlockRef> {
    const { reader } = this.#deps;
    const block = { number: await reader.numberOf(hash), hash };
    const index = (await this.#extrinsicsOf(hash)).indexOf(hex);
    if (index < 0) throw notOurs();
    const state: StateAt = await reader.state(block);
    const [events] = await reader.read(state, [["system.events"]]);
    const failure = dispatchFailure(state.runtime, events, index);
    if (failure) throw failure;
    return block;
  }

  async #extrinsicsOf(hash: string): Promise<readonly string[]> {
    const parsed = body.safeParse(await this.#deps.pool.request("chain_getBlock", [hash]));
    if (!parsed.success) throw notOurs();
    return parsed.data.block.extrinsics;
  }
}

/** Refusals that bytes get which are in a block or in the pool already. */
const MAYBE_TAKEN = ["AlreadyImported", "NonceTaken", "PriorityTooLow", "TemporarilyBanned"] as const;

/**
 * A lost connection says nothing, nor do some refusals of bytes that were sent before. Another refusal of those counts
 * once they were not found; whatever else is wrong is thrown.
 */
function lostOrThrow(error: unknown, sent: boolean): Outcome | undefined {
  if (isTransport(error)) return undefined;
  const refusal = poolRefusal(error);
  if (isRefusal(refusal, "AlreadyImported")) return undefined;
  if (!sent || !(refusal instanceof ChainRefusal)) throw refusal;
  return isRefusal(refusal, ...MAYBE_TAKEN) ? undefined : { gone: refusal.reason };
}

function dropTransport(error: unknown): undefined {
  // Nor does an endpoint count that has not heard of the newest blocks.
  if (isTransport(error) || isEngramError(error, "CHAIN_RPC_REFUSED")) return undefined;
  throw error;
}

function isTransport(error: unknown): boolean {
  return isEngramError(error, "CHAIN_UNREACHABLE") || isEngramError(error, "CHAIN_TIMEOUT");
}

function unknownEffect(): EngramError {
  const { code, message } = timedOut();
  return new EngramError(code, message, {
    fix: `it may still take effect within ${ERA_BLOCKS} blocks: look for it on the chain before you repeat it`,
  });
}
