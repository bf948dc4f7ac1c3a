/** The codes of spec 14.0 and ours beside them, with the status each goes out with and whether to try again. */
const CODES = {
  malformed: [400, false],
  non_canonical: [400, false],
  bad_signature: [401, false],
  unauthorized: [401, false],
  forbidden: [403, false],
  not_a_validator: [403, false],
  unknown_submission: [404, false],
  unknown_webhook: [404, false],
  nonce_conflict: [409, false],
  round_conflict: [409, false],
  too_many_webhooks: [409, false],
  too_large: [413, false],
  output_hash_mismatch: [422, false],
  chain_mismatch: [422, false],
  expired: [422, false],
  not_final: [425, true],
  validators_unknown: [425, true],
  too_many: [429, true],
  too_many_pending: [429, true],
  busy: [503, true],
  unavailable: [503, true],
} as const;

export type RefusalCode = keyof typeof CODES;

export const REFUSAL_CODES = Object.keys(CODES) as readonly RefusalCode[];

/** The status that `word` goes out with; undefined when it is none of the codes. */
export function statusOfRefusal(word: string): number | undefined {
  return Object.hasOwn(CODES, word) ? CODES[word as RefusalCode][0] : undefined;
}

/** An answer as it goes out. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export function send({ status, headers, body }: Answer): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store", ...headers } });
}

/**
 * A request that is answered with an error of spec 14.0. The sentence says what to do and holds nothing that came
 * with the request.
 */
export class GatewayRefusal extends Error {
  override readonly name = "GatewayRefusal";
  readonly code: RefusalCode;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: RefusalCode, sentence: string, retryAfterSeconds?: number) {
    super(sentence);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  answer(): Answer {
    const [status, retryable] = CODES[this.code];
    return {
      status,
      headers: this.retryAfterSeconds === undefined ? {} : { "retry-after": `${this.retryAfterSeconds}` },
      body: { error: this.code, message: this.message, retryable },
    };
  }
}
