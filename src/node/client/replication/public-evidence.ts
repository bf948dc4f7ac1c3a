import { type Cid, isCid } from "../../../crypto/cid.ts";
import { isEngramError } from "../../../crypto/errors.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { type TrustTier, trustTier } from "../../../crypto/trust-tier.ts";
import type { ChainClient, Embedder } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { PublicEvidence } from "../memory.ts";
import { type EvidenceRequest, notHeld } from "../replication-port.ts";
import type { MemoryStore } from "../store/memory-store.ts";
import type { PublicCopy } from "../store/public-copies.ts";
import { readJournalBody } from "./journal-body.ts";
import type { MinerView } from "./miner-directory.ts";
import { isPublicRecordCid, type PublicMemory, verifyAuthor } from "./public-record.ts";
import { sharesProfile } from "./record-sender.ts";

export interface EvidenceDeps {
  /** Miners as last seen, the embedded one left out: its copy shares the disk. */
  readonly views: () => Promise<readonly MinerView[]>;
  readonly author: Hotkey;
  readonly store: MemoryStore;
  readonly embedder: Embedder;
  readonly sr25519: Sr25519;
  readonly chain: ChainClient;
  readonly clock: Clock;
}

/** What was stored a moment ago is on its way to miners. */
const WAIT_MS = 10_000;
const LOOK_EVERY_MS = 100;
const DEADLINE_MS = 4_000;

/** A record of the journal with the miners that showed it. */
interface Shown {
  readonly memory: PublicMemory;
  readonly vector: Float32Array;
  readonly cid: Cid;
  readonly miners: readonly Hotkey[];
}

/** See `MemoryClient.publicEvidence`. Errors: `MEMORY_NOT_HELD`, and the signal's reason. */
export async function gatherEvidence(
  { memories, query }: EvidenceRequest,
  deps: EvidenceDeps,
  signal: AbortSignal,
): Promise<readonly PublicEvidence[]> {
  const [shown, tier, [asked]] = await Promise.all([
    findRecords(memories, deps, signal),
    tierOf(deps),
    query === undefined ? [] : deps.embedder.embed([query], { signal }),
  ]);
  const evidence = shown.map(({ memory, vector, cid, miners }): PublicEvidence => {
    return { memory, cid, miners, tier, score: asked ? cosine(asked, vector) : 1 };
  });
  return asked ? evidence.toSorted((left, right) => right.score - left.score) : evidence;
}

/** Every record of every memory, each shown by a miner. */
async function findRecords(
  memories: readonly PublicMemory[],
  deps: EvidenceDeps,
  signal: AbortSignal,
): Promise<readonly Shown[]> {
  const views = await deps.views();
  const [first] = memories;
  if (first && views.length === 0) throw notHeld(first.id);
  const copies = await waitForCopies(memories, deps, signal);
  const look = { chain: await deps.chain.identity(), deps, signal };
  const found = await Promise.all(
    memories.map(async (memory) => {
      const records = await findMemory(memory, copies.get(memory.id) ?? [], views, look);
      if (records) return records;
      throw notHeld(memory.id);
    }),
  );
  return found.flat();
}

/** What miners confirmed of each memory, as soon as each has a copy. Errors: `MEMORY_NOT_HELD` when time is up. */
async function waitForCopies(
  memories: readonly PublicMemory[],
  { store, clock }: EvidenceDeps,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly PublicCopy[]>> {
  const ids = memories.map(({ id }) => id);
  for (const end = clock.now() + WAIT_MS; ; await clock.sleep(LOOK_EVERY_MS, signal)) {
    const copies = Map.groupBy(await store.call("publicCopies", { ids }), ({ id }) => id);
    const missing = ids.find((id) => !copies.has(id));
    if (missing === undefined) return copies;
    if (clock.now() >= end) throw notHeld(missing);
  }
}

interface Look {
  readonly chain: string;
  readonly deps: EvidenceDeps;
  readonly signal: AbortSignal;
}

/** A memory's records in order; undefined unless together they are its text. */
async function findMemory(
  memory: PublicMemory,
  copies: readonly PublicCopy[],
  views: readonly MinerView[],
  look: Look,
): Promise<readonly Shown[] | undefined> {
  const parts = [...Map.groupBy(copies, ({ part }) => part).values()];
  const records = await Promise.all(parts.map((part) => findPart(memory, part, views, look)));
  const shown = records.filter((record) => record !== undefined);
  return shown.map((record) => record.memory.text).join("") === memory.text ? shown : undefined;
}

/** One record under the CID that most miners showed. */
async function findPart(
  memory: PublicMemory,
  copies: readonly PublicCopy[],
  views: readonly MinerView[],
  { chain, deps, signal }: Look,
): Promise<Shown | undefined> {
  const [first] = copies;
  const body = first && readJournalBody(first.body);
  if (body?.form !== "public") return undefined;
  const { record, vector, model } = body;
  const confirmed = await Promise.all(
    copies.map(async ({ hotkey, cid, part }) => {
      const view = views.find(({ miner, reachable }) => miner.hotkey === hotkey && reachable);
      if (!view || !isCid(cid)) return undefined;
      // A miner of another model made its own vector of the text: there the CID cannot be computed anew.
      const isKnown = sharesProfile(view, deps.embedder.profile) && model === deps.embedder.profile.model;
      if (isKnown && !isPublicRecordCid(cid, record, vector)) return undefined;
      const answer = await retrieve(view, cid, signal);
      const authored = answer && verifyAuthor(answer.metadata, chain, deps.sr25519);
      const isOurs = authored?.author === deps.author && authored.id === memory.id && authored.part === part;
      return isOurs && authored.text === record.text ? { cid, hotkey: view.miner.hotkey } : undefined;
    }),
  );
  const byCid = Map.groupBy(
    confirmed.filter((one) => one !== undefined),
    ({ cid }) => cid,
  );
  const [most] = [...byCid].sort(([, left], [, right]) => right.length - left.length);
  if (!most) return undefined;
  const [cid, holders] = most;
  return { memory: { ...memory, text: record.text }, vector, cid, miners: holders.map(({ hotkey }) => hotkey) };
}

async function retrieve(view: MinerView, cid: string, signal: AbortSignal) {
  try {
    const answer = await view.client.retrieve(cid, { signal, deadlineMs: DEADLINE_MS });
    return answer?.cid === cid ? answer : undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (isEngramError(error)) return undefined;
    throw error;
  }
}

/** Nobody's stake is known while the chain does not answer. */
async function tierOf({ chain, author }: EvidenceDeps): Promise<TrustTier> {
  const snapshot = await chain.metagraph().catch(() => undefined);
  return trustTier(snapshot?.neurons.find(({ hotkey }) => hotkey === author)?.stakeTao ?? 0);
}

function cosine(one: Float32Array, other: Float32Array): number {
  const dot = one.reduce((sum, component, index) => sum + component * (other[index] ?? 0), 0);
  const norms = Math.hypot(...one) * Math.hypot(...other);
  return norms > 0 ? Math.min(Math.max(dot / norms, -1), 1) : 0;
}
