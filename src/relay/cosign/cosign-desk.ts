import { EngramError } from "../../crypto/errors.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { isSubnetObject, type SubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import type { Metagraph } from "../../node/ports.ts";
import { Refusal } from "../../node/protocol/refusal.ts";
import { type Clock, systemClock } from "../../node/runtime/clock.ts";
import { MetagraphLooks } from "../../node/validator/metagraph-looks.ts";
import { type CosignAnswer, type CosignContext, cosign, type Proposal, readProposal } from "./cosigner.ts";
import { votersOf } from "./electorate.ts";

/** Takes what authenticated callers ask a validator to sign, one question of a caller and round at a time. */
export class CosignDesk {
  readonly #context: CosignContext;
  readonly #looks: MetagraphLooks;
  readonly #open = new Set<string>();

  constructor(context: CosignContext, clock: Pick<Clock, "now"> = systemClock) {
    this.#context = context;
    this.#looks = new MetagraphLooks({ chain: context.chain, clock, isPermitted: isVoter });
  }

  /** Errors: `Refusal` 403 and 429, `PAYLOAD_MALFORMED`, and those of `cosign`. */
  async answer(caller: Hotkey, body: Uint8Array): Promise<CosignAnswer> {
    if (!isVoter(caller, await this.#looks.for(caller))) {
      throw new Refusal(403, "only validators with a permit may ask for a co-signature");
    }
    const proposal = proposalIn(caller, body);
    const key = `${caller}|${proposal.payload.roundId}`;
    if (this.#open.has(key)) throw new Refusal(429, "one question a round at a time", { retryAfterSeconds: 1 });
    this.#open.add(key);
    try {
      return await cosign(this.#context, proposal);
    } finally {
      this.#open.delete(key);
    }
  }
}

function isVoter(caller: Hotkey, { neurons }: Pick<Metagraph, "neurons">): boolean {
  return votersOf(neurons).some(({ hotkey }) => hotkey === caller);
}

/** What `caller` sent as `{"payload": <signed envelope>}`. Throws `PAYLOAD_MALFORMED`. */
export function proposalIn(caller: Hotkey, body: Uint8Array): Proposal {
  const proposal = readProposal(caller, payloadIn(body));
  if (proposal === null) throw new EngramError("PAYLOAD_MALFORMED", "the payload is none");
  return proposal;
}

/** The signed envelope in `{"payload": …}`. Throws `PAYLOAD_MALFORMED`. */
function payloadIn(body: Uint8Array): SubnetObject {
  let payload: unknown;
  try {
    const document = readSubnetJson(body);
    payload = isSubnetObject(document) ? document.get("payload") : undefined;
    if (isSubnetObject(payload as SubnetObject)) return payload as SubnetObject;
  } catch (cause) {
    throw new EngramError("PAYLOAD_MALFORMED", "the body is not JSON", { cause });
  }
  throw new EngramError("PAYLOAD_MALFORMED", "the body holds no payload");
}
