import { isEngramError } from "../../../crypto/errors.ts";
import { loadSr25519 } from "../../../crypto/sr25519.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SubnetObject } from "../../../crypto/subnet-json.ts";
import { writePythonDefault } from "../../../crypto/subnet-json-writer.ts";
import type { Embedder } from "../../ports.ts";
import { PUBLIC_SHOWN_NAME } from "../limits.ts";
import type { Memory, MemoryId } from "../memory.ts";
import { writeJournalBody } from "./journal-body.ts";
import { listAll } from "./list-all.ts";
import type { MinerView } from "./miner-directory.ts";
import { type AuthoredPart, publicRecordFromJournal, verifyAuthor } from "./public-record.ts";

/** A public memory of one author, with the records that miners hold of it. */
export interface AuthoredMemory {
  readonly memory: Memory;
  readonly records: readonly {
    readonly part: number;
    readonly body: string;
    readonly copies: readonly { readonly hotkey: string; readonly cid: string }[];
  }[];
}

interface Found {
  readonly authored: AuthoredPart;
  readonly metadata: SubnetObject;
  readonly copies: { readonly hotkey: string; readonly cid: string }[];
}

export interface GatherAuthoredOptions {
  readonly author: Hotkey;
  readonly chain: string;
  readonly embedder: Embedder;
  readonly signal: AbortSignal;
}

/** Lists an author's records in the public space; only what the author's own signature covers counts. */
export async function gatherAuthored(
  views: readonly MinerView[],
  options: GatherAuthoredOptions,
): Promise<readonly AuthoredMemory[]> {
  const sr25519 = await loadSr25519();
  const parts = new Map<string, Found>();
  const add = (view: MinerView, cid: string, metadata: SubnetObject) => {
    const authored = verifyAuthor(metadata, options.chain, sr25519);
    if (authored?.author !== options.author) return;
    const key = `${authored.id}/${authored.part}`;
    const found = parts.get(key) ?? { authored, metadata, copies: [] };
    parts.set(key, found);
    found.copies.push({ hotkey: view.miner.hotkey, cid });
  };
  await Promise.all(
    views.map(async (view) => {
      try {
        // The filter saves the wire; what comes is checked all the same.
        for await (const page of listAll(view.client, { filter: { author: options.author } }, options.signal)) {
          for (const { cid, metadata } of page) add(view, cid, metadata);
        }
      } catch (error) {
        options.signal.throwIfAborted();
        if (!isEngramError(error)) throw error;
      }
    }),
  );
  const groups = [...Map.groupBy(parts.values(), ({ authored }) => authored.id).values()];
  const whole = groups.filter((group) => group.length === group[0]?.authored.parts);
  return Promise.all(whole.map((group) => memoryOf(group, options)));
}

async function memoryOf(group: readonly Found[], { embedder, signal }: GatherAuthoredOptions): Promise<AuthoredMemory> {
  const parts = group.toSorted((left, right) => left.authored.part - right.authored.part);
  const [first] = parts as [Found];
  const { author: _author, part: _part, parts: _parts, id, replaces, ...rest } = first.authored;
  const texts = parts.map(({ authored }) => authored.text);
  const vectors = await embedder.embed(texts, { priority: "background", signal });
  const end = rest.expiresAt === undefined ? {} : { expiresAt: rest.expiresAt };
  return {
    memory: {
      ...rest,
      id: id as MemoryId,
      namespace: PUBLIC_SHOWN_NAME,
      visibility: "public",
      text: texts.join(""),
      ...(replaces === undefined ? {} : { replaces: replaces as MemoryId }),
    },
    records: parts.map(({ metadata, copies }, part) => {
      const own = new Map([...metadata].filter(([key]) => !key.startsWith("_")));
      const record = publicRecordFromJournal({ metadata: writePythonDefault(own) });
      const vector = vectors[part] ?? new Float32Array();
      return {
        part,
        copies,
        body: writeJournalBody({ form: "public", record, vector, model: embedder.profile.model, ...end }),
      };
    }),
  };
}
