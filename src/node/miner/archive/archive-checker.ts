import { LRUCache } from "lru-cache";
import PQueue from "p-queue";
import { contentId } from "../../../crypto/content-id.ts";
import { isEngramError } from "../../../crypto/errors.ts";
import type { Archive, StoredRecord } from "../../ports.ts";
import { contentCidOf, transactionOf } from "./record-archiver.ts";
import type { UploadStore } from "./upload-store.ts";

/** `unchecked`: not known yet; whoever asks again in some seconds is told. */
export type ArchiveCheck = "verified" | "mismatch" | "unavailable" | "unchecked";

const MAX_BYTES = 10_000_000;
const DEADLINE_MS = 20_000;
/** A retrieve waits so long for a check and no longer. */
const PATIENCE_MS = 2_000;
const VERIFIED_FOR_MS = 3_600_000;
const OTHERS_FOR_MS = 60_000;
const AT_ONCE = 2;
const MAX_WAITING = 50;

interface Deps {
  readonly uploads: UploadStore;
  readonly archive: () => Promise<Pick<Archive, "fetch">>;
}

/**
 * Compares the `content_cid` of records with the bytes that the miner's own gateway shows; the address in a record is
 * never called. Results are kept a while: a retrieve is cheap to ask for and must not make the miner download.
 */
export class ArchiveChecker {
  readonly #deps: Deps;
  readonly #known = new LRUCache<string, ArchiveCheck>({ max: 10_000 });
  readonly #queue = new PQueue({ concurrency: AT_ONCE });

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Undefined for records of which nothing is archived. */
  async check(record: StoredRecord): Promise<ArchiveCheck | undefined> {
    const contentCid = contentCidOf(record);
    if (contentCid === undefined) return undefined;
    const own = await this.#deps.uploads.call("upload", contentCid);
    const transactionId = own?.transactionId ?? transactionOf(record);
    if (transactionId === undefined) return undefined;
    const name = `${transactionId}/${contentCid}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (this.#queue.size >= MAX_WAITING) return "unchecked";
    // Noted at once, so that it is queued once however often it is asked for.
    this.#known.set(name, "unchecked", { ttl: OTHERS_FOR_MS });
    const checking = this.#queue.add(() => this.#compare(transactionId, contentCid, name));
    return await Promise.race([checking, patience()]);
  }

  async #compare(transactionId: string, contentCid: string, name: string): Promise<ArchiveCheck> {
    const found = await this.#fetch(transactionId, contentCid);
    this.#known.set(name, found, { ttl: found === "verified" ? VERIFIED_FOR_MS : OTHERS_FOR_MS });
    return found;
  }

  async #fetch(transactionId: string, contentCid: string): Promise<ArchiveCheck> {
    try {
      const archive = await this.#deps.archive();
      const options = { maxBytes: MAX_BYTES, signal: AbortSignal.timeout(DEADLINE_MS) };
      const bytes = await archive.fetch(transactionId, options);
      return contentId(bytes) === contentCid ? "verified" : "mismatch";
    } catch (error) {
      return isEngramError(error, "ARCHIVE_MANGLED") ? "mismatch" : "unavailable";
    }
  }
}

async function patience(): Promise<ArchiveCheck> {
  const { promise, resolve } = Promise.withResolvers<ArchiveCheck>();
  setTimeout(() => resolve("unchecked"), PATIENCE_MS).unref();
  return await promise;
}
