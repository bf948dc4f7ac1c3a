import { contentId } from "../../../crypto/content-id.ts";
import { isEngramError } from "../../../crypto/errors.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { isSubnetObject } from "../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../crypto/subnet-json-reader.ts";
import { type Archive, type ArchiveTag, PUBLIC_NAMESPACE, type StoredRecord } from "../../ports.ts";
import type { ArchiveRequest } from "../../protocol/archive-messages.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { MinerDeps } from "../miner-options.ts";
import { recordsOwnedBy } from "../record-owner.ts";
import type { UploadRow } from "./upload-operations.ts";
import type { UploadStore } from "./upload-store.ts";

export interface RecordArchiverDeps extends Pick<MinerDeps, "store" | "namespaces"> {
  readonly uploads: UploadStore;
  readonly archive: () => Promise<Archive>;
  /** What a UTC day may cost, in winston. */
  readonly dailyWinston: number;
  readonly clock: Clock;
}

/** A transaction may be mined within 50 blocks of the one it names, about 100 minutes; a day leaves room for slow gateways. */
const LOST_AFTER_MS = 86_400_000;
/** Of one content: each is money, should a transaction that was given up be mined after all. */
const MOST_SIGNINGS = 3;

export interface ArchivedContent {
  readonly contentCid: string;
  readonly transactionId: string;
  /** `signed`: the gateway did not take it yet; whoever asks again sends the same transaction. */
  readonly state: "signed" | "sent";
}

/** Archives what a record names, at its owner's word and the miner's cost; each content is signed and paid once. */
export class RecordArchiver {
  readonly #deps: RecordArchiverDeps;
  /** By content: two requests at once must not ask the gateway twice. */
  readonly #underWay = new Map<string, Promise<ArchivedContent>>();

  constructor(deps: RecordArchiverDeps) {
    this.#deps = deps;
  }

  /** Throws `Refusal`: 404 for records that are not the caller's, 400 for other bytes, 503 when it cannot now. */
  async archive(request: ArchiveRequest, caller: Hotkey): Promise<ArchivedContent> {
    const record = await this.#owned(request, caller);
    const { contentCid, data } = request;
    if (contentId(data) !== contentCid) throw new Refusal(400, "content_cid is not that of data");
    if (record.namespace === PUBLIC_NAMESPACE && contentCidOf(record) !== contentCid) {
      throw new Refusal(400, "the record names another content_cid");
    }
    const underWay = this.#underWay.get(contentCid);
    if (underWay !== undefined) return await underWay;
    const archiving = this.#archive(request, record.namespace !== PUBLIC_NAMESPACE).catch(asRefusal);
    this.#underWay.set(contentCid, archiving);
    return await archiving.finally(() => this.#underWay.delete(contentCid));
  }

  async #owned({ cid, namespace }: ArchiveRequest, caller: Hotkey): Promise<StoredRecord> {
    const records = await recordsOwnedBy(this.#deps, cid, caller);
    const record = records.find((one) => namespace === undefined || one.namespace === namespace);
    if (record) return record;
    throw new Refusal(404, "not found");
  }

  async #archive({ contentCid, data }: ArchiveRequest, isPrivate: boolean): Promise<ArchivedContent> {
    const { uploads } = this.#deps;
    const archive = await this.#deps.archive();
    let upload = (await uploads.call("upload", contentCid)) ?? (await this.#sign(contentCid, data, isPrivate));
    try {
      if (upload.sent === 0 || (await archive.state(upload.transactionId)).state === "unknown") {
        if (this.#isLost(upload)) upload = await this.#sign(contentCid, data, isPrivate, upload.transactionId);
        await archive.send(upload, data);
        await uploads.call("uploadSent", contentCid);
      }
      return { contentCid, transactionId: upload.transactionId, state: "sent" };
    } catch (error) {
      if (!isEngramError(error, "ARCHIVE_UNREACHABLE")) throw error;
      return { contentCid, transactionId: upload.transactionId, state: upload.sent === 1 ? "sent" : "signed" };
    }
  }

  /**
   * Sent, and not known so long after: it names a block too old to be mined any more, and sending it again is in vain.
   * Throws `Refusal` 503 when that happened too often: something is wrong with the archive or the wallet.
   */
  #isLost({ sent, signedAt, signings }: UploadRow): boolean {
    if (sent === 0 || this.#deps.clock.now() - signedAt < LOST_AFTER_MS) return false;
    if (signings < MOST_SIGNINGS) return true;
    throw new Refusal(503, "this miner's archive does not take this content", { retryAfterSeconds: 86_400 });
  }

  async #sign(contentCid: string, data: Uint8Array, isPrivate: boolean, replaces?: string): Promise<UploadRow> {
    const { uploads, clock, dailyWinston } = this.#deps;
    const day = new Date(clock.now()).toISOString().slice(0, 10);
    const maxWinston = dailyWinston - (await uploads.call("uploadsSpent", day));
    const archive = await this.#deps.archive();
    const signed = await archive.sign(data, { tags: tagsOf(contentCid, isPrivate), maxWinston });
    const signedAt = clock.now();
    const kept = { ...signed, contentCid, day, dailyWinston, signedAt };
    return await uploads.call("keepUpload", replaces === undefined ? kept : { ...kept, replaces });
  }
}

/** The content that a public record names, if it names one (spec 11). */
export function contentCidOf({ metadata }: Pick<StoredRecord, "metadata">): string | undefined {
  return textOf(metadata, "content_cid");
}

/** The transaction that a public record names, if it names one (spec 11). */
export function transactionOf({ metadata }: Pick<StoredRecord, "metadata">): string | undefined {
  const id = textOf(metadata, "arweave_tx_id");
  return id !== undefined && /^[A-Za-z0-9_-]{43}$/.test(id) ? id : undefined;
}

function textOf(metadata: string, key: string): string | undefined {
  const document = readSubnetJson(metadata);
  const value = isSubnetObject(document) ? document.get(key) : undefined;
  return typeof value === "string" ? value : undefined;
}

/** In the reference's order (spec 11); of a private record's content nothing but its own hash is said. */
function tagsOf(contentCid: string, isPrivate: boolean): readonly ArchiveTag[] {
  return [
    { name: "Content-Type", value: "application/octet-stream" },
    { name: "App-Name", value: "Engram" },
    { name: "App-Version", value: "1.0" },
    { name: "Content-Hash", value: contentCid },
    { name: "Encrypted", value: String(isPrivate) },
  ];
}

/** What the sender is told; the wallet's state is not its business. */
function asRefusal(error: unknown): never {
  const isBudget = isEngramError(error, "ARCHIVE_BUDGET") || isEngramError(error, "ARCHIVE_TOO_DEAR");
  if (isBudget) throw new Refusal(503, "this miner archives no more today", { retryAfterSeconds: 3_600 });
  if (isEngramError(error) && error.code.startsWith("ARCHIVE_")) {
    throw new Refusal(503, "this miner cannot archive now; try again later", { retryAfterSeconds: 60 });
  }
  throw error;
}
