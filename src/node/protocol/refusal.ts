export type RefusalStatus = 200 | 400 | 401 | 403 | 404 | 409 | 413 | 415 | 429 | 503 | 507;

export interface RefusalExtra {
  /** What a 429 of the reference tells beside its error (spec 8.1). */
  readonly hint?: string;
  readonly retryAfterSeconds?: number;
}

/**
 * A request that is answered with an error. Status 200 is the reference's way for failed ingests and queries
 * (spec 7): the route's own reply with `error` filled. The sentence says what to do and holds nothing of the request.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: RefusalStatus;
  readonly extra: RefusalExtra;

  constructor(status: RefusalStatus, sentence: string, extra: RefusalExtra = {}) {
    super(sentence);
    this.status = status;
    this.extra = extra;
  }
}
