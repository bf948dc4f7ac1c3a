import { z } from "zod";
import type { SignatureVerifier } from "../../node/runtime/signature-pool.ts";
import { cosignature } from "../payload/schemas.ts";
import { withCosignatures } from "../payload/sign-payload.ts";
import type { Cosignature } from "../payload/types.ts";
import { withoutPayment } from "../receipt.ts";
import type { ChainCheck } from "./chain-check.ts";
import type { GatewayStore } from "./gateway-store.ts";
import type { PermittedSets } from "./permitted-sets.ts";
import { cosignatureChecks, parseSubmission, requireSigned } from "./read-submission.ts";
import { type Answer, GatewayRefusal } from "./refusal.ts";
import type { StoredSubmission, Submission } from "./submission.ts";
import type { SubmissionDesk } from "./submission-desk.ts";

/** As a validator answers `POST /relay/cosign`: its signature, and of what (spec 14.2). */
export const cosignatureBody = z.looseObject({
  ...cosignature.shape,
  signed_hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

interface Deps {
  readonly store: GatewayStore;
  readonly desk: Pick<SubmissionDesk, "addLate" | "resume">;
  readonly chain: ChainCheck;
  readonly sets: PermittedSets;
  readonly verifier: SignatureVerifier;
}

/** Takes co-signatures one by one, from whoever brings them: each proves itself. */
export class CosignatureDesk {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * Adds the co-signature in `text` to the submission of `signedHash`: to an accepted one as a late signature, to one that
   * waits as its next vote, which may complete it where nothing is to be paid. Throws `GatewayRefusal`.
   */
  async add(signedHash: string, text: string): Promise<Answer> {
    const offered = readCosignature(signedHash, text);
    const { store } = this.#deps;
    const known = await store.call("submissions", { signedHash });
    const row = rowOf(known);
    if (!row) throw new GatewayRefusal("unknown_submission", "nothing is known of it; its author sends it first");
    if (row.hotkey === offered.validator_hotkey) {
      throw new GatewayRefusal("bad_signature", "a co-signature is the author's own");
    }
    if (isKnown(row, offered)) return stateOf(row);
    if (row.state === "settling") throw new GatewayRefusal("busy", "it is being paid for; send it again", 5);
    const read = await this.#proven(row, offered);
    if (row.assurance === "quorum" && row.receipt !== null) {
      await this.#deps.desk.addLate(row, read, [offered]);
      return stateOf(rowOf(await store.call("submissions", { signedHash })) ?? row);
    }
    return await this.#deps.desk.resume(read, known);
  }

  /** What is kept of it with one more signature, which a voter of its block made. */
  async #proven({ wire, assurance }: StoredSubmission, offered: Cosignature): Promise<Submission> {
    if (wire === null) throw new GatewayRefusal("expired", "its text is kept no more; nothing can be added");
    const whole = assurance === "quorum" ? wire : withCosignatures(wire, [offered]);
    const { submission } = parseSubmission(whole);
    const { chain, sets, verifier } = this.#deps;
    const { identity } = await chain.finalState(submission);
    const { validators } = await sets.at(submission.block, identity);
    if (!validators.some(({ hotkey }) => hotkey === offered.validator_hotkey)) {
      throw new GatewayRefusal("not_a_validator", "its signer held no permit with enough stake at that block");
    }
    await requireSigned(verifier, cosignatureChecks(submission, [offered]));
    const others = submission.signatures.filter(
      ({ validator_hotkey }) => validator_hotkey !== offered.validator_hotkey,
    );
    return { ...submission, signatures: [...others, offered] };
  }
}

function readCosignature(signedHash: string, text: string): Cosignature {
  try {
    const { validator_hotkey, signature, signed_hash = signedHash } = cosignatureBody.parse(JSON.parse(text));
    if (signed_hash === signedHash) return { validator_hotkey, signature };
  } catch {
    throw new GatewayRefusal("malformed", 'send {"validator_hotkey","signature"}, as a validator answers');
  }
  throw new GatewayRefusal("malformed", "its signed_hash is that of another submission");
}

/** The row that validators agree on; a memory that its author published alone may become one. */
function rowOf(known: readonly StoredSubmission[]): StoredSubmission | undefined {
  const agreed = known.find(({ assurance }) => assurance === "quorum");
  return agreed ?? known.find(({ assurance, outputType }) => assurance === "author" && outputType === "memory");
}

function isKnown({ signatures, lateSignatures, assurance }: StoredSubmission, { validator_hotkey }: Cosignature) {
  return (
    assurance === "quorum" &&
    [...signatures, ...lateSignatures].some((one) => one.validator_hotkey === validator_hotkey)
  );
}

function stateOf({ state, signedHash, receipt, votes }: StoredSubmission): Answer {
  // One that is being paid for has not been.
  const status = state === "settling" ? "payment_due" : state;
  const body = { status, signed_hash: signedHash, receipt: receipt && withoutPayment(receipt), quorum: votes };
  return { status: receipt === null ? 202 : 200, headers: {}, body };
}
