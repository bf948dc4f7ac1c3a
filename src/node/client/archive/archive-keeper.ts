import { createHash } from "node:crypto";
import { contentId } from "../../../crypto/content-id.ts";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import { FILE_SEAL_BYTES, sealFile } from "../../../crypto/file-seal.ts";
import type { ArchiveSettings } from "../../archive/archive-settings.ts";
import { archiveUrl } from "../../archive/archive-url.ts";
import type { Archive, SignedUpload } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createPublicFetch, type PublicGuard } from "../../runtime/public-fetch.ts";
import { PUBLIC_SHOWN_NAME } from "../limits.ts";
import type { MemoryId } from "../memory.ts";
import { checkItems, targetNamespace } from "../memory-input.ts";
import { assertPublicMetadata } from "../replication/reserved-metadata.ts";
import { assertNoSecrets } from "../secret-scan.ts";
import type { ArchiveRow, StoreArchived } from "../store/archive-operations.ts";
import type { MemoryStore } from "../store/memory-store.ts";
import type { StoreMemoriesResult } from "../store/store-memories.ts";
import { archiveMetadata, archiveTags } from "./archive-facts.ts";
import { archiveQuestion, questionAhead } from "./archive-question.ts";
import type {
  ArchivedMemory,
  ArchiveInput,
  ArchivePlan,
  ArchiveReport,
  Archives,
  QuestionAhead,
  RetrievedFile,
  UploadFacts,
} from "./archives.ts";
import { joinText, understand } from "./plan-archive.ts";
import { quote } from "./quote.ts";
import { MAX_ARCHIVE_BYTES, readSource } from "./read-source.ts";
import { retrieveFile } from "./retrieve-file.ts";
import type { Spool } from "./spool.ts";
import { dayOf, type Uploader } from "./uploader.ts";

const REPORTS = 50;
/** Of what names none: an archive is no conversation. */
const SESSION = "archive";

export interface ArchiveKeeperDeps {
  readonly home: string;
  readonly settings: ArchiveSettings;
  readonly store: MemoryStore;
  readonly spool: Spool;
  readonly uploader: Uploader;
  readonly archive: () => Promise<Archive>;
  /** Makes the namespace when it is new. */
  readonly openNamespace: (name: string) => Promise<unknown>;
  /** A memory was stored: its pieces wait for vectors, its records for miners. */
  readonly stored: (namespace: string, pieces: readonly number[]) => void;
  readonly clock: Clock;
  /** Stands in for the internet in tests. */
  readonly guard?: PublicGuard;
}

/** A file as it will be archived. */
interface Prepared {
  readonly bytes: Uint8Array;
  readonly contentCid: string;
  readonly archiveKey?: string;
}

/** Archiving on this machine's memory store: the memory is durable first, its file is uploaded later. */
export class ArchiveKeeper implements Archives {
  readonly #deps: ArchiveKeeperDeps;

  constructor(deps: ArchiveKeeperDeps) {
    this.#deps = deps;
  }

  reaches({ cost, seenBy }: ArchivePlan): readonly string[] {
    const { gateway } = this.#deps.settings;
    return [...(cost.kind === "off" ? [] : [gateway]), ...(seenBy === undefined ? [] : [seenBy])];
  }

  async plan(input: ArchiveInput, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ArchivePlan> {
    const { home, settings, guard, store, clock, archive } = this.#deps;
    targetNamespace(input);
    const options = { home, fetch: createPublicFetch(guard), ...(signal ? { signal } : {}) };
    const source = await readSource(input.source, options);
    const understood = await understand(source, input, settings, signal);
    if (input.public) {
      assertPublicMetadata(input.metadata ?? {});
      // What is published is the file too: a text is scanned whole, not only what of it is remembered.
      const whole = understood.mime.startsWith("text/") ? Buffer.from(understood.bytes).toString("utf8") : "";
      const metadata = { ...input.metadata, title: understood.title ?? "", source: input.source };
      await assertNoSecrets([{ text: understood.text, metadata }, { text: whole }]);
    }
    const size = understood.bytes.byteLength + (input.public ? 0 : FILE_SEAL_BYTES);
    const spent = () => store.call("archiveSpent", dayOf(clock.now()));
    return { ...understood, input, cost: await quote(size, { settings, archive, spent }, signal) };
  }

  questionAhead(input: ArchiveInput): QuestionAhead {
    return questionAhead(input, this.#deps.settings);
  }

  question(plan: ArchivePlan): string | undefined {
    return archiveQuestion(plan);
  }

  async store(planned: ArchivePlan, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ArchivedMemory> {
    const { store, spool, uploader, stored } = this.#deps;
    const plan = await this.#described(planned, signal);
    const namespace = targetNamespace(plan.input);
    const digest = createHash("sha256").update(namespace).update("\0").update(plan.bytes).digest();
    const known = await store.call("archiveByDigest", digest);
    if (known) return this.#archived(plan, known.memoryId as MemoryId, known.contentCid, this.#facts(known), true);
    const prepared = prepare(plan);
    const signed = await this.#sign(plan, prepared, signal);
    const uploads = plan.cost.kind !== "off";
    if (uploads) await spool.add(prepared.contentCid, prepared.bytes);
    const written = await this.#write(namespace, plan, prepared, digest, signed).catch(async (error: unknown) => {
      if (uploads) await spool.remove(prepared.contentCid);
      throw error;
    });
    if (uploads) await spool.keep(prepared.contentCid);
    stored(namespace, written.pieces);
    if (uploads) uploader.wake();
    const facts = signed ? this.#signedFacts(signed) : ({ state: uploads ? "pending" : "off" } as const);
    return this.#archived(plan, written.id, prepared.contentCid, facts, written.deduped);
  }

  /** With the words of whoever looks at the image. */
  async #described(plan: ArchivePlan, signal: AbortSignal | undefined): Promise<ArchivePlan> {
    const { vision } = this.#deps.settings;
    if (plan.seenBy === undefined || !vision) return plan;
    const { describeImage } = await import("../../archive/content/describe-image.ts");
    const text = joinText([plan.text, await describeImage(plan, vision, signal)]);
    if (plan.input.public) await assertNoSecrets([{ text }]);
    return { ...plan, text };
  }

  /** Signed before it is stored, so that the memory names its transaction; a silent gateway is asked again later. */
  async #sign(plan: ArchivePlan, { bytes }: Prepared, signal?: AbortSignal): Promise<SignedUpload | undefined> {
    if (plan.cost.kind !== "priced") return undefined;
    const { maxWinston } = plan.cost;
    const archive = await this.#deps.archive();
    const tags = archiveTags(plan, contentId(bytes));
    return await archive.sign(bytes, { tags, maxWinston, ...(signal ? { signal } : {}) }).catch((error: unknown) => {
      if (isEngramError(error, "ARCHIVE_UNREACHABLE")) return undefined;
      throw error;
    });
  }

  async #write(
    namespace: string,
    plan: ArchivePlan,
    { bytes, contentCid, archiveKey }: Prepared,
    digest: Uint8Array,
    signed: SignedUpload | undefined,
  ): Promise<{ readonly id: MemoryId; readonly deduped: boolean; readonly pieces: readonly number[] }> {
    const { store, clock, settings } = this.#deps;
    const now = clock.now();
    const place = signed && { transactionId: signed.transactionId, url: this.#urlOf(signed.transactionId) };
    const metadata = archiveMetadata(plan, contentCid, place);
    const [item] = checkItems({ items: [{ text: plan.text, metadata }] }, plan.input.session ?? SESSION);
    if (!item) throw new EngramError("INPUT_INVALID", "there is nothing to store");
    const memory = {
      ...{ namespace, dedupe: true, now },
      items: [{ ...item, ...(archiveKey === undefined ? {} : { archiveKey }) }],
    };
    const money = { day: dayOf(now), dailyWinston: settings.dailyWinston };
    const { cost } = plan;
    const write = async (): Promise<StoreMemoriesResult> => {
      if (cost.kind === "off") return await store.call("store", memory);
      const upload: StoreArchived = {
        ...{ memory, digest, contentCid, bytes: bytes.byteLength, maxWinston: cost.maxWinston },
        tags: archiveTags(plan, contentCid),
        ...(signed ? { signed: { ...signed, ...money } } : {}),
      };
      return await store.call("storeArchived", upload);
    };
    let result = await write();
    if (result.namespaceMissing) {
      await this.#deps.openNamespace(namespace);
      result = await write();
    }
    const [made] = result.namespaceMissing ? [] : result.stored;
    if (result.namespaceMissing || !made) throw new EngramError("NAMESPACE_FAILED", "the namespace could not be made");
    return { id: made.id, deduped: made.deduped, pieces: result.pieces };
  }

  #archived(
    plan: ArchivePlan,
    id: MemoryId,
    contentCid: string,
    archive: UploadFacts,
    deduped: boolean,
  ): ArchivedMemory {
    const { type, title, pages, text } = plan;
    return {
      ...{ id, type, characters: text.length, contentCid, archive },
      ...(deduped ? { deduped } : {}),
      ...(title === undefined ? {} : { title }),
      ...(pages === undefined ? {} : { pages }),
    };
  }

  async reports(id?: string): Promise<readonly ArchiveReport[]> {
    const { store, clock } = this.#deps;
    if (id === undefined) return (await store.call("archives", { limit: REPORTS })).map((row) => this.#report(row));
    const found = await store.call("archiveOf", { id, now: clock.now() });
    return found?.upload ? [this.#report(found.upload)] : [];
  }

  #report(row: ArchiveRow): ArchiveReport {
    return { id: row.memoryId, contentCid: row.contentCid, bytes: row.bytes, ...this.#facts(row) };
  }

  #facts({ state, transactionId, winston, lastError }: ArchiveRow): UploadFacts {
    return {
      state: state === "waiting" ? "pending" : state,
      ...(transactionId === null ? {} : { transactionId, url: this.#urlOf(transactionId) }),
      ...(winston === null ? {} : { winston }),
      ...(lastError === null ? {} : { problem: lastError }),
    };
  }

  #signedFacts({ transactionId, winston }: SignedUpload): UploadFacts {
    return { state: "signed", transactionId, url: this.#urlOf(transactionId), winston };
  }

  #urlOf(transactionId: string): string {
    return archiveUrl(this.#deps.settings.gateway, transactionId);
  }

  async retrieve(id: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<RetrievedFile> {
    const { store, clock, spool, settings } = this.#deps;
    const found = await store.call("archiveOf", { id, now: clock.now() });
    if (!found) throw new EngramError("MEMORY_NOT_FOUND", "there is no such memory", { fix: "list the memories" });
    const { gateway } = settings;
    return await retrieveFile(found, { spool, gateway, maxBytes: MAX_ARCHIVE_BYTES + FILE_SEAL_BYTES, signal });
  }

  async settle({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { settings, uploader } = this.#deps;
    if (settings.key === undefined) return;
    const round = uploader.runOnce();
    if (!signal) return void (await round);
    signal.throwIfAborted();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([round, aborted]);
    } finally {
      signal.removeEventListener("abort", abort);
      // Whoever no longer waits for it must not be hurt by how it ends.
      round.catch(() => undefined);
    }
  }
}

/** In a private namespace a file is encrypted before anything else happens to it. */
function prepare({ bytes, input, cost }: ArchivePlan): Prepared {
  if (targetNamespace(input) === PUBLIC_SHOWN_NAME || cost.kind === "off")
    return { bytes, contentCid: contentId(bytes) };
  const sealed = sealFile(bytes);
  return { bytes: sealed.bytes, contentCid: contentId(sealed.bytes), archiveKey: sealed.key };
}
