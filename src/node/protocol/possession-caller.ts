import { randomBytes } from "node:crypto";
import { verifyBatchProof } from "../../crypto/batch-proof.ts";
import { EngramError } from "../../crypto/errors.ts";
import { toHex } from "../../crypto/hex.ts";
import { type HeldRecord, verifyPossessionProof } from "../../crypto/possession-proof.ts";
import { decodeHotkey, type Hotkey } from "../../crypto/ss58.ts";
import type { Clock } from "../runtime/clock.ts";
import type { HttpClient } from "../runtime/http-client.ts";
import type { Auth2Caller, Auth2Peer } from "./auth2-caller.ts";
import { MAX_POSSESSION_REPLY_BYTES, type PossessionEntry, readPossessionReply } from "./possession.ts";

/**
 * What a challenge showed of one record: `held` in all its bytes; `missing` by the miner's own word; `hash_only`: its
 * answer follows from the embedding's hash alone, the record itself it could not read; `wrong`: it answered with
 * something else.
 */
export type PossessionVerdict = "held" | "missing" | "hash_only" | "wrong";

interface Deps {
  readonly caller: Auth2Caller;
  /** Whose hotkey `caller` signs with. */
  readonly hotkey: Hotkey;
  readonly clock: Clock;
}

interface Limits {
  /** Of the call, and of the challenge. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Challenges miners with `proof2` to show that they hold records, up to `MAX_CHALLENGED` at a time. */
export class PossessionCaller {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * One verdict for each record, in order. Errors: those of `Auth2Caller`, and `CHALLENGE_REFUSED` when the miner answers
   * with no proofs at all.
   */
  async challenge(
    http: HttpClient,
    peer: Auth2Peer,
    records: readonly HeldRecord[],
    { deadlineMs, signal }: Limits,
  ): Promise<readonly PossessionVerdict[]> {
    const { caller, hotkey: validator, clock } = this.#deps;
    const nonce = randomBytes(32);
    const expiresAt = Math.floor((clock.now() + deadlineMs) / 1000);
    const cids = records.map(({ cid }) => cid);
    const body = JSON.stringify({ cids, nonce_hex: toHex(nonce), expires_at: expiresAt });
    const limits = { deadlineMs, maxBytes: MAX_POSSESSION_REPLY_BYTES, signal };
    const reply = await caller.post(http, peer, "/ChallengeSynapse", body, limits);
    const answer = reply.status === 200 ? readPossessionReply(reply.text) : undefined;
    if (!answer) {
      throw new EngramError("CHALLENGE_REFUSED", `the miner answered a challenge with status ${reply.status}`);
    }
    const validatorKey = decodeHotkey(validator) ?? new Uint8Array(32);
    // As fresh as the reply's own signature: its expiry is the call's deadline.
    const batch = verifyBatchProof(answer, records, { nonce, validatorKey, expiresAt }, expiresAt);
    const challenge = { nonce, validator, miner: peer.hotkey, expiresAt };
    return records.map((record, place) => {
      const entry = answer.entries[place];
      if (!entry) return "missing";
      return verdictOf(entry, batch[place] === true, record, challenge);
    });
  }
}

function verdictOf(
  entry: PossessionEntry,
  isHashProven: boolean,
  record: HeldRecord,
  challenge: Parameters<typeof verifyPossessionProof>[2],
): PossessionVerdict {
  const isProven = entry.cid === record.cid && verifyPossessionProof(entry.proof2, record, challenge);
  if (isProven && isHashProven) return "held";
  return isHashProven ? "hash_only" : "wrong";
}
