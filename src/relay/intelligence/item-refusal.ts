import { EngramError, isEngramError } from "../../crypto/errors.ts";
import { GatewayRefusal, type RefusalCode } from "../gateway/refusal.ts";
import type { IntelligenceProblem } from "./types.ts";

/** Thrown inside the checks of one item; never leaves the reader. */
export class ItemRefusal extends Error {
  override readonly name = "ItemRefusal";
  readonly problem: IntelligenceProblem;

  constructor(problem: IntelligenceProblem) {
    super(problem);
    this.problem = problem;
  }
}

/** What a gateway's own checks find is said in the gateway's words (spec 14.0). */
const FOUND_BY_ITS_CHECKS = [
  "malformed",
  "non_canonical",
  "bad_signature",
  "output_hash_mismatch",
  "chain_mismatch",
  "not_final",
  "not_a_validator",
  "validators_unknown",
] as const satisfies readonly (RefusalCode & IntelligenceProblem)[];

/** The problem that ended the checks. Throws whatever says nothing about the item: a chain or a gateway that is away. */
export function problemOf(error: unknown): IntelligenceProblem {
  if (error instanceof ItemRefusal) return error.problem;
  if (isEngramError(error, "RECEIPT_INVALID")) return "receipt_invalid";
  if (isEngramError(error, "HTTP_TOO_LARGE")) return "item_malformed";
  if (!(error instanceof GatewayRefusal)) throw error;
  const found = FOUND_BY_ITS_CHECKS.find((code) => code === error.code);
  if (found) return found;
  throw chainAway(error);
}

/** A chain that does not answer, in the words of this library. */
export function chainAway(cause: unknown): EngramError {
  return new EngramError("CHAIN_UNREACHABLE", "the chain does not answer, so that nothing can be checked", {
    fix: "check ENGRAM_CHAIN, and that the chain runs",
    retryAfterMs: 5_000,
    cause,
  });
}
