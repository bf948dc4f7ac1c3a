import { z } from "zod";
import { type SubnetObject, toPlain } from "../../crypto/subnet-json.ts";
import { MAX_CID_CHARACTERS } from "./limits.ts";
import { Refusal } from "./refusal.ts";

/** Of a file that a miner archives: it lies in one body with the rest. */
const MAX_MINER_ARCHIVE_BYTES = 1_000_000;
/** Base64 takes four characters for three bytes. */
export const MAX_ARCHIVE_BODY_BYTES = Math.ceil(MAX_MINER_ARCHIVE_BYTES / 3) * 4 + 2_000;

export const archiveFields = z.object({
  cid: z.string().min(1).max(MAX_CID_CHARACTERS),
  namespace: z.string().min(1).max(200).optional(),
  content_cid: z.string().regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hex digits"),
  data: z.base64("must be base64"),
});

/** `POST /ArchiveSynapse`: keep these bytes, which the record names, on Arweave. */
export interface ArchiveRequest {
  readonly cid: string;
  readonly namespace?: string | undefined;
  readonly contentCid: string;
  readonly data: Buffer;
}

/** Throws `Refusal` 400, naming the field. */
export function readArchiveRequest(body: SubnetObject): ArchiveRequest {
  const parsed = archiveFields.safeParse(toPlain(body));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Refusal(400, `${issue?.path.join(".") || "the body"}: ${issue?.message ?? "is malformed"}`);
  }
  const { cid, namespace, content_cid: contentCid, data } = parsed.data;
  const bytes = Buffer.from(data, "base64");
  if (bytes.length === 0 || bytes.length > MAX_MINER_ARCHIVE_BYTES) {
    throw new Refusal(400, `data: give 1 to ${MAX_MINER_ARCHIVE_BYTES} bytes`);
  }
  return { cid, namespace, contentCid, data: bytes };
}
