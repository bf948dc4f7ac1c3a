import { contentId } from "../../../crypto/content-id.ts";
import { EngramError } from "../../../crypto/errors.ts";
import { openFile } from "../../../crypto/file-seal.ts";
import type { Memory } from "../memory.ts";
import type { ArchiveRow } from "../store/archive-operations.ts";
import type { RetrievedFile } from "./archives.ts";
import type { Spool } from "./spool.ts";

/** A memory with what is known of its file; `upload` is missing where the memory was restored from miners. */
interface ArchivedRecord {
  readonly memory: Memory;
  readonly archiveKey: string | undefined;
  readonly upload: ArchiveRow | null;
}

interface RetrieveOptions {
  readonly spool: Spool;
  readonly gateway: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** The file of a memory: from this disk while it waits to be uploaded, else from the gateway, checked twice. */
export async function retrieveFile(record: ArchivedRecord, options: RetrieveOptions): Promise<RetrievedFile> {
  const { memory, archiveKey, upload } = record;
  const mime = textOf(memory, "mime") ?? "application/octet-stream";
  const contentCid = upload?.contentCid ?? textOf(memory, "content_cid");
  const transactionId = upload?.transactionId ?? textOf(memory, "arweave_tx_id");
  if (contentCid === undefined) throw notArchived();
  const kept = upload && upload.state !== "confirmed" ? await options.spool.read(contentCid).catch(() => null) : null;
  if (kept) return { bytes: opened(kept, archiveKey), mime, from: "disk" };
  if (transactionId === undefined) throw notArchived();
  const bytes = await fetchBytes(transactionId, options);
  if (contentId(bytes) !== contentCid) {
    throw new EngramError("ARCHIVE_MANGLED", "the gateway shows other bytes than this memory names", {
      fix: "use another gateway in ARWEAVE_GATEWAY_URL: the archived bytes themselves cannot change",
    });
  }
  return { bytes: opened(bytes, archiveKey), mime, from: "archive" };
}

async function fetchBytes(transactionId: string, { gateway, maxBytes, signal }: RetrieveOptions): Promise<Buffer> {
  const { ArweaveReader } = await import("../../archive/arweave-reader.ts");
  const reader = await ArweaveReader.open(gateway);
  return await reader.fetch(transactionId, { maxBytes, ...(signal ? { signal } : {}) });
}

function opened(bytes: Uint8Array, archiveKey: string | undefined): Uint8Array {
  return archiveKey === undefined ? bytes : openFile(archiveKey, bytes);
}

function textOf({ metadata }: Memory, key: string): string | undefined {
  const value = metadata[key];
  return typeof value === "string" ? value : undefined;
}

function notArchived(): EngramError {
  return new EngramError("ARCHIVE_NOT_FOUND", "no file is archived with this memory", {
    fix: "see `engram archive status`: its upload may not have begun",
  });
}
