import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";
import { MAX_NEURONS } from "./chain-call.ts";

/** How long a question for the next head is held; the answer is then the head as it is. */
export const HEAD_WAIT_MS = 10_000;

const hotkey = z.string().refine((text): text is Hotkey => isHotkey(text));
const height = z.int().min(0);
const blockRef = z.object({ number: height, hash: z.string().regex(/^0x[0-9a-f]{64}$/) });
const weight = z.tuple([height, z.number().min(0)]);
const neuron = z.object({
  uid: height,
  hotkey,
  coldkey: hotkey,
  endpoint: z.string().nullable(),
  stakeTao: z.number(),
  validatorPermit: z.boolean(),
  incentive: z.number(),
});

/** Replies of a served chain, by route. Every one names its chain: the caller takes no other. */
export const replies = {
  chain: z.object({ chain: z.string(), hotkey }),
  block: z.object({ chain: z.string(), block: blockRef }),
  hash: z.object({ chain: z.string(), hash: z.string().nullable() }),
  metagraph: z.object({
    chain: z.string(),
    metagraph: z.object({ block: height, hash: z.string(), neurons: z.array(neuron).max(MAX_NEURONS) }),
  }),
  uid: z.object({ chain: z.string(), uid: height.nullable() }),
  weights: z.object({ chain: z.string(), weights: z.array(z.tuple([height, z.array(weight)])).max(MAX_NEURONS) }),
  terms: z.object({
    chain: z.string(),
    terms: z.object({
      head: height,
      tempo: height,
      rateLimit: height,
      lastSet: height.nullable(),
      commitReveal: z.boolean(),
    }),
  }),
  commitment: z.object({ chain: z.string(), bytes: z.hex().nullable() }),
  included: z.object({ chain: z.string(), block: blockRef, uid: height.nullable() }),
  reorg: z.object({
    chain: z.string(),
    head: blockRef,
    orphaned: z.array(blockRef),
    dropped: height,
  }),
} as const;

const failure = z.object({
  error: z.object({
    code: z.string().regex(/^[A-Z][A-Z0-9_]{1,63}$/),
    message: z.string().max(500),
    fix: z.string().max(500).optional(),
    retryAfterMs: z.number().min(0).optional(),
  }),
});

/** A refusal as it travels: the other side raises the same error. */
export function failureText({ code, message, fix, retryAfterMs }: EngramError): string {
  return JSON.stringify({ error: { code, message, fix, retryAfterMs } } satisfies z.infer<typeof failure>);
}

/** The error of a refused request; `undefined` when the text is none of ours. */
export function readFailure(text: string): EngramError | undefined {
  const parsed = failure.safeParse(readJson(text));
  if (!parsed.success) return undefined;
  const { code, message, fix, retryAfterMs } = parsed.data.error;
  return new EngramError(code, message, {
    ...(fix === undefined ? {} : { fix }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** `undefined` when the text is no JSON. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
