import { isEngramError } from "../../../crypto/errors.ts";
import type { SubnetObject } from "../../../crypto/subnet-json.ts";
import { listAll } from "./list-all.ts";
import type { MinerView } from "./miner-directory.ts";
import type { NamespaceAccess } from "./namespace-access.ts";
import {
  joinParts,
  type OpenedPart,
  openRecord,
  privateRecordCid,
  privateRecordFromJournal,
  type RecordKind,
} from "./private-record.ts";

/** One part as miners hold it. */
export interface GatheredPart {
  readonly opened: OpenedPart;
  /** As listed: `{"_enc": …}`. */
  readonly metadata: string;
  /** Who holds it, and under which CID. */
  readonly copies: { readonly hotkey: string; readonly cid: string }[];
}

/** A whole content, put together from its parts. */
export interface GatheredContent {
  readonly kind: RecordKind;
  readonly id: string;
  readonly content: SubnetObject;
  readonly parts: readonly GatheredPart[];
}

/** A miner to list from. */
export type ListingMiner = Pick<MinerView, "miner" | "profile"> & {
  readonly client: Pick<MinerView["client"], "list">;
};

/** What one miner brought. */
export interface MinerYield {
  readonly hotkey: string;
  reachable: boolean;
  records: number;
  /** Records that did not open, or that the owner never wrote. */
  skipped: number;
}

/**
 * Collects the records of one namespace from all miners. Each envelope is opened once, whoever brings it; what does not
 * open, or was not written by the owner, is counted against the miner that brought it and used for nothing.
 */
export class RecordGathering {
  readonly #access: NamespaceAccess;
  readonly #anyCid: boolean;
  readonly #known: ReadonlySet<string>;
  readonly #parts = new Map<string, GatheredPart>();
  readonly #opened = new Map<string, OpenedPart | undefined>();

  /** `anyCid`: the vectors, and so the CIDs, cannot be known from the envelopes alone. `known` CIDs are passed over. */
  constructor(
    access: NamespaceAccess,
    { anyCid = false, known = new Set() }: { readonly anyCid?: boolean; readonly known?: ReadonlySet<string> } = {},
  ) {
    this.#access = access;
    this.#anyCid = anyCid;
    this.#known = known;
  }

  async readFrom(view: ListingMiner, yielded: MinerYield, signal: AbortSignal): Promise<void> {
    try {
      for await (const page of listAll(view.client, { namespace: this.#access.wireName }, signal)) {
        for (const { cid, metadata } of page) {
          yielded.records += 1;
          if (this.#known.has(cid)) continue;
          if (!this.#add(view, cid, metadata)) yielded.skipped += 1;
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      // What came before stays: another miner may have the rest.
      if (!isEngramError(error)) throw error;
      yielded.reachable = false;
    }
  }

  /** Everything whose parts are all there; `incomplete` counts the others. */
  contents(): { readonly whole: readonly GatheredContent[]; readonly incomplete: number } {
    const groups = Map.groupBy(this.#parts.values(), ({ opened }) => `${opened.kind}/${opened.id}`);
    const whole: GatheredContent[] = [];
    for (const group of groups.values()) {
      const parts = group.toSorted((left, right) => left.opened.part - right.opened.part);
      const content = joinParts(parts.map(({ opened }) => opened));
      const [first] = parts;
      if (content && first) whole.push({ kind: first.opened.kind, id: first.opened.id, content, parts });
    }
    return { whole, incomplete: groups.size - whole.length };
  }

  #add(view: ListingMiner, cid: string, metadata: SubnetObject): boolean {
    const envelope = metadata.get("_enc");
    if (typeof envelope !== "string") return false;
    const text = JSON.stringify({ _enc: envelope });
    const opened = this.#open(envelope);
    if (!opened) return false;
    const part = this.#keep(opened, text);
    // Sealed again in another run it is the same memory under another CID: that copy is not this record's.
    if (part.metadata === text && this.#isCidOf(view, part, cid)) part.copies.push({ hotkey: view.miner.hotkey, cid });
    return true;
  }

  #keep(opened: OpenedPart, metadata: string): GatheredPart {
    const known = this.#parts.get(opened.recordId);
    if (known) return known;
    const part: GatheredPart = { opened, metadata, copies: [] };
    this.#parts.set(opened.recordId, part);
    return part;
  }

  #open(envelope: string): OpenedPart | undefined {
    if (this.#opened.has(envelope)) return this.#opened.get(envelope);
    const opened = openOrNothing(this.#access, envelope);
    this.#opened.set(envelope, opened);
    return opened;
  }

  /** A miner of ours keeps the sealed vector as it is, so its CID can be recomputed; one of the reference adds noise. */
  #isCidOf(view: ListingMiner, part: GatheredPart, cid: string): boolean {
    if (!view.profile || this.#anyCid) return true;
    const row = { wireName: this.#access.wireName, recordId: part.opened.recordId, metadata: part.metadata };
    return privateRecordCid(this.#access, privateRecordFromJournal(row), view.profile.dim) === cid;
  }
}

function openOrNothing(access: NamespaceAccess, envelope: string): OpenedPart | undefined {
  try {
    return openRecord(access, envelope);
  } catch (error) {
    if (isEngramError(error)) return undefined;
    throw error;
  }
}
