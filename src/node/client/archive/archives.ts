import type { MemoryId, Metadata } from "../memory.ts";
import type { ArchiveState } from "../store/archive-operations.ts";

/** What a person wants to keep, and how it may be found. */
export interface ArchiveInput {
  /** An http or https URL, or the path of a file. */
  readonly source: string;
  readonly namespace?: string;
  readonly public?: boolean;
  /** In the person's own words; an image without a vision endpoint needs it. */
  readonly description?: string;
  readonly metadata?: Metadata;
  readonly session?: string;
}

/** A file that was read and understood; nothing is stored or uploaded yet. */
export interface ArchivePlan {
  readonly input: ArchiveInput;
  /** Of the file itself. */
  readonly bytes: Uint8Array;
  readonly mime: string;
  readonly type: "text" | "image" | "pdf" | "url";
  readonly title?: string;
  readonly pages?: number;
  /** What will be remembered and searched; without the words of `seenBy`. */
  readonly text: string;
  /** The endpoint that looks at the image and describes it when it is stored. */
  readonly seenBy?: string;
  readonly cost: ArchiveCost;
}

/** `off`: no wallet is configured, and the description alone is stored. Amounts are winston, 10⁻¹² AR. */
export type ArchiveCost =
  | { readonly kind: "off" }
  | { readonly kind: "priced"; readonly winston: number; readonly maxWinston: number }
  /** The gateway does not answer: it is asked again later, and no more than this is paid then. */
  | { readonly kind: "unpriced"; readonly maxWinston: number };

export interface ArchivedMemory {
  readonly id: MemoryId;
  readonly deduped?: true;
  readonly type: ArchivePlan["type"];
  readonly title?: string;
  readonly pages?: number;
  /** Of the text that can be searched now. */
  readonly characters: number;
  /** Of the bytes as they are archived: of the ciphertext in private namespaces. */
  readonly contentCid: string;
  readonly archive: UploadFacts;
}

/** `off` where nothing is uploaded; `pending` until a transaction is signed. */
export interface UploadFacts {
  readonly state: "off" | "pending" | Exclude<ArchiveState, "waiting">;
  readonly transactionId?: string;
  readonly url?: string;
  readonly winston?: number;
  /** The last error's code. */
  readonly problem?: string;
}

export interface ArchiveReport extends UploadFacts {
  readonly id: string;
  readonly contentCid: string;
  readonly bytes: number;
}

export interface RetrievedFile {
  readonly bytes: Uint8Array;
  readonly mime: string;
  /** Whether the bytes came from the gateway and were proved, or from this disk where they still wait. */
  readonly from: "archive" | "disk";
}

/** What a person decides by before a page is known. */
export interface QuestionAhead {
  readonly question: string;
  /** Storing what is found costs no more; 0 where nothing is uploaded. */
  readonly maxWinston: number;
  /** Addresses that fetching and storing it reaches. */
  readonly reaches: readonly string[];
}

/** Files and pages, archived for ever and remembered by what they say. */
export interface Archives {
  /**
   * Fetches or reads the source, extracts its text and asks the price. Errors: `ARCHIVE_SOURCE`, `ARCHIVE_TOO_LARGE`,
   * `ARCHIVE_BUDGET`, `CONTENT_UNSUPPORTED`, `CONTENT_UNREADABLE`, `DESCRIPTION_NEEDED`, those of `download`.
   */
  plan(input: ArchiveInput, options?: { readonly signal?: AbortSignal }): Promise<ArchivePlan>;
  /**
   * Of a page, before anything of it is fetched: who fetches it is told the address, and an address can carry anything.
   * Errors: `ARCHIVE_BUDGET`.
   */
  questionAhead(input: ArchiveInput): QuestionAhead;
  /** One sentence for the person who decides: where it goes, for how long, for how much. Undefined: nothing leaves. */
  question(plan: ArchivePlan): string | undefined;
  /** The memory is durable when this resolves; its file is uploaded in the background. */
  store(plan: ArchivePlan, options?: { readonly signal?: AbortSignal }): Promise<ArchivedMemory>;
  /** Uploads, newest first; of one memory when named. */
  reports(id?: string): Promise<readonly ArchiveReport[]>;
  /** The file itself, checked. Errors: `ARCHIVE_NOT_FOUND`, `ARCHIVE_MANGLED`, `ARCHIVE_UNREACHABLE`. */
  retrieve(id: string, options?: { readonly signal?: AbortSignal }): Promise<RetrievedFile>;
  /** Tries every due upload once; one that is under way when the signal aborts goes on until the client closes. */
  settle(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Addresses that storing this plan reaches. */
  reaches(plan: ArchivePlan): readonly string[];
}
