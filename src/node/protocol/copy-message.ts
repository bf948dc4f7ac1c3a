import { pythonFloat } from "../../crypto/python-text.ts";
import { listText, objectText, valueText } from "./reply-text.ts";

/** A record as it is pushed to another miner. */
export interface CopyMessage {
  readonly cid: string;
  readonly embedding: Float32Array;
  /** JSON text, passed on as it is: ints stay ints, or the copy would get another CID. */
  readonly metadata: string;
  /** Unix milliseconds. */
  readonly expiresAt: number | null;
  /** The embedding profile it belongs to, where the sender knows. */
  readonly model?: string;
}

/** The unsigned body of an `IngestSynapse` that brings a copy (spec 9.7, 10.5); others ignore the last two fields. */
export function copyMessageText({ cid, embedding, metadata, expiresAt, model }: CopyMessage): string {
  return objectText({
    raw_embedding: listText(Array.from(embedding, pythonFloat)),
    metadata,
    cid_override: valueText(cid),
    ...(model === undefined ? {} : { model: valueText(model) }),
    ...(expiresAt === null ? {} : { expires_at: pythonFloat(expiresAt / 1000) }),
  });
}
