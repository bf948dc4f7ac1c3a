import type { Hotkey } from "../../crypto/ss58.ts";
import type { Metagraph } from "../../node/ports.ts";
import { Refusal } from "../../node/protocol/refusal.ts";
import { MetagraphLooks } from "../../node/validator/metagraph-looks.ts";
import { AddressLimiter, type RateLimit } from "../gateway/rate-limit.ts";
import { proposalIn } from "./cosign-desk.ts";
import type { CosignAnswer } from "./cosigner.ts";
import { type VouchContext, vouch } from "./vouch.ts";

/** Proposals that are looked at together; of callers that are not registered so many of them. */
const MAX_OPEN = 8;
const MAX_OPEN_OF_STRANGERS = 2;
const OF_ONE: RateLimit = { burst: 10, perSecond: 0.1 };
const OF_STRANGERS: RateLimit = { burst: 20, perSecond: 0.5 };
const STRANGERS = "strangers";
const BUSY_SECONDS = 5;

/**
 * Takes what authenticated callers ask a validator to vouch for, whoever they are. Hotkeys cost nothing to make: all that
 * are not registered on the subnet share one allowance, so that they keep nobody who is from being heard.
 */
export class ProposeDesk {
  readonly #context: VouchContext;
  readonly #limiters = { one: new AddressLimiter(OF_ONE), strangers: new AddressLimiter(OF_STRANGERS) };
  readonly #open = new Map<Hotkey, boolean>();

  readonly #looks: MetagraphLooks;

  constructor(context: VouchContext) {
    this.#context = context;
    this.#looks = new MetagraphLooks({ chain: context.chain, clock: context.clock, isPermitted: isRegistered });
  }

  /** By the last look at the chain. */
  wasRegistered(hotkey: Hotkey): boolean {
    return this.#looks.wasPermitted(hotkey);
  }

  /** Errors: `Refusal` 429, `PAYLOAD_MALFORMED`, and those of `vouch`. */
  async answer(caller: Hotkey, body: Uint8Array): Promise<CosignAnswer> {
    const { clock } = this.#context;
    const isStranger = !isRegistered(caller, await this.#looks.for(caller));
    const wait = isStranger
      ? this.#limiters.strangers.take(STRANGERS, clock.now())
      : this.#limiters.one.take(caller, clock.now());
    if (wait > 0) throw new Refusal(429, "too many proposals; wait", { retryAfterSeconds: wait });
    const strangers = [...this.#open.values()].filter((stranger) => stranger).length;
    const isFull = this.#open.size >= MAX_OPEN || (isStranger && strangers >= MAX_OPEN_OF_STRANGERS);
    if (isFull || this.#open.has(caller)) {
      throw new Refusal(429, "one proposal at a time", { retryAfterSeconds: BUSY_SECONDS });
    }
    this.#open.set(caller, isStranger);
    try {
      return await vouch(this.#context, proposalIn(caller, body));
    } finally {
      this.#open.delete(caller);
    }
  }
}

function isRegistered(caller: Hotkey, { neurons }: Pick<Metagraph, "neurons">): boolean {
  return neurons.some(({ hotkey }) => hotkey === caller);
}
