/** A call that must be paid for, told by a JSON-RPC error: x402's first MCP transport. */
export class PaymentRequired extends Error {
  /** The terms, of version 1. */
  readonly terms: Readonly<Record<string, unknown>>;

  constructor(terms: PaymentRequired["terms"]) {
    super("Payment required");
    this.terms = terms;
  }
}
