import { z } from "zod";
import { EngramError, isEngramError } from "../../crypto/errors.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import { MAX_LIST_LIMIT, MAX_TOP_K } from "./limits.ts";
import { anyObject, number, objectOf } from "./wire-schema.ts";

const cid = z.string().max(300);
const sentence = z.string().max(10_000);

/** Replies as a client reads them, whatever miner sent them. Metadata keeps ints and floats apart (spec 1). */
const ingestReply = objectOf({ cid: cid.nullish(), error: sentence.nullish() });
const queryReply = objectOf({
  results: z.array(objectOf({ cid, score: number, metadata: anyObject.optional() })).max(MAX_TOP_K),
  error: sentence.nullish(),
});
const recordReply = objectOf({ cid, metadata: anyObject });
const listReply = objectOf({
  records: z.array(objectOf({ cid, metadata: anyObject })).max(MAX_LIST_LIMIT),
  next: z.string().max(200).nullish(),
});
const deleteReply = objectOf({ deleted: z.boolean(), cid });
const errorReply = objectOf({ error: sentence });

export type QueryReply = z.output<typeof queryReply>;
export type ListReply = z.output<typeof listReply>;

export const readIngestReply = (text: string) => read(ingestReply, text);
export const readQueryReply = (text: string) => read(queryReply, text);
export const readRecordReply = (text: string) => read(recordReply, text);
export const readListReply = (text: string) => read(listReply, text);
export const readDeleteReply = (text: string) => read(deleteReply, text);

/** The sentence of a reply that is not a 200; `undefined` when there is none. Untrusted text. */
export function readErrorReply(text: string): string | undefined {
  try {
    return errorReply.safeParse(readSubnetJson(text)).data?.error;
  } catch {
    return undefined;
  }
}

function read<T extends z.ZodType>(schema: T, text: string): z.output<T> {
  try {
    const reply = schema.safeParse(readSubnetJson(text));
    if (reply.success) return reply.data;
  } catch (error) {
    if (!isEngramError(error, "JSON_INVALID")) throw error;
  }
  throw new EngramError("MINER_REPLY", "the miner's reply is malformed", { fix: "ask another miner" });
}
