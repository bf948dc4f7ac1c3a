import { toHex } from "../../crypto/hex.ts";
import type { MerkleProof } from "../../crypto/merkle.ts";
import { commitmentMessage, type SignedCommitment } from "../protocol/commitment.ts";
import type { MinerDeps } from "./miner-options.ts";

/** So long an unchanged commitment is given again as it was signed: readers want a recent one, and signing takes time. */
const SIGNED_FOR_MS = 10_000;

type Deps = Pick<MinerDeps, "store" | "commitments" | "chain" | "identity" | "clock">;

/** Commits to the public records: root, count and proof are always of one state of them (M-W25). */
export class Committer {
  readonly #deps: Deps;
  #signed: SignedCommitment | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** As of every write that was acknowledged before; `proof` is of `leaf`, null when that is not in it. */
  async commitment(leaf?: {
    readonly cid: string;
    readonly embeddingHash: string;
  }): Promise<{ readonly commitment: SignedCommitment; readonly proof: MerkleProof | null }> {
    const { store, commitments, clock } = this.#deps;
    // What has expired is in no answer of this miner; the loop that removes it comes once a minute.
    await store.expire(clock.now());
    const { root, count, proof } = await commitments.snapshot(leaf);
    return { commitment: await this.#sign(root, count), proof };
  }

  async #sign(root_hex: string, count: number): Promise<SignedCommitment> {
    const { chain, identity, clock } = this.#deps;
    const now = clock.now();
    const last = this.#signed;
    const isSame = last?.root_hex === root_hex && last.count === count;
    if (last && isSame && Math.abs(now - last.built_at_ms) < SIGNED_FOR_MS) return last;
    const statement = { root_hex, count, built_at_ms: now, hotkey: identity.hotkey, chain: await chain.identity() };
    const signature = `0x${toHex(identity.sign(commitmentMessage(statement)))}`;
    this.#signed = { ...statement, signature };
    return this.#signed;
  }
}
