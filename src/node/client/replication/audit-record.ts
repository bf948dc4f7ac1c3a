import { isCid } from "../../../crypto/cid.ts";
import type { HeldRecord } from "../../../crypto/possession-proof.ts";
import { isSubnetObject } from "../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../crypto/subnet-json-reader.ts";
import type { HeldCopy } from "../store/audit-operations.ts";
import { readJournalBody } from "./journal-body.ts";
import type { MinerView } from "./miner-directory.ts";
import { privateBodyCid, privateEmbedding } from "./private-embedding.ts";
import { isPublicRecordCid } from "./public-record.ts";
import type { RecordBuilder } from "./record-builder.ts";

/**
 * The record as the miner must hold it, byte for byte; undefined where that cannot be known here: it embedded the text
 * itself, added noise (spec 9.1), or has changed its model since.
 */
export function expectedRecord(view: MinerView, copy: HeldCopy, builder: RecordBuilder): HeldRecord | undefined {
  const { cid } = copy;
  const body = readJournalBody(copy.body);
  const metadata = readSubnetJson(body.record.metadata);
  if (!isSubnetObject(metadata) || !isCid(cid)) return undefined;
  if (body.form === "public") {
    const { record, vector } = body;
    return isPublicRecordCid(cid, record, vector) ? { cid, embedding: vector, metadata } : undefined;
  }
  const access = builder.accessOf(copy);
  if (privateBodyCid(access, body, view.profile) !== cid) return undefined;
  return { cid, embedding: privateEmbedding(access, body, view.profile), metadata };
}

/** Whether anyone may be shown the record. */
export function isPublicCopy({ kind, namespace }: HeldCopy): boolean {
  return kind === "memory" && namespace.visibility === "public";
}
