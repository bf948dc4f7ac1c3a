import type { Sr25519 } from "../../../crypto/sr25519.ts";
import { type TrustTier, trustTier } from "../../../crypto/trust-tier.ts";
import type { ChainClient, Embedder } from "../../ports.ts";
import { matches } from "../../protocol/filter-match.ts";
import type { Clock } from "../../runtime/clock.ts";
import { PUBLIC_SHOWN_NAME } from "../limits.ts";
import type { Hit, MemoryId, QueryInput } from "../memory.ts";
import type { QueryAnswer } from "./miner-client.ts";
import type { MinerView } from "./miner-directory.ts";
import { type AuthoredPart, verifyAuthor } from "./public-record.ts";
import { sharesProfile } from "./record-sender.ts";

export interface PublicRecallDeps {
  readonly views: readonly MinerView[];
  readonly embedder: Embedder;
  readonly sr25519: Sr25519;
  readonly chain: ChainClient;
  readonly clock: Clock;
}

/** Asked at first; one more for each that fails or is late. */
const ASKED_AT_ONCE = 3;
const HEDGE_AFTER_MS = 800;
const DEADLINE_MS = 4_000;
/** Candidates asked of each miner beyond the hits wanted: re-ranking may turn their order round. */
const MORE_CANDIDATES = 2;
const MAX_CANDIDATES = 50;

/**
 * Asks the best miners about the public space and ranks what they answer by this client's own model: a miner's scores
 * are never compared with another's (design: embeddings). A hit's owner is filled only when the author's signature
 * verifies, its tier computed from the author's stake on the chain, never taken from a reply (M-W8).
 */
export async function recallPublic(
  query: QueryInput & { readonly limit: number },
  deps: PublicRecallDeps,
  signal: AbortSignal,
): Promise<readonly Hit[]> {
  const remote = deps.views.filter((view) => view.reachable).sort((left, right) => left.latencyMs - right.latencyMs);
  if (remote.length === 0) return [];
  const [vector] = await deps.embedder.embed([query.query], { signal });
  if (!vector) return [];
  const limit = Math.min(query.limit * MORE_CANDIDATES, MAX_CANDIDATES);
  const ask = (view: MinerView) =>
    view.client.query(sharesProfile(view, deps.embedder.profile) ? { vector } : { text: query.query }, limit, {
      signal,
      deadlineMs: DEADLINE_MS,
    });
  const answers = await hedged(remote, ask, deps.clock, signal);
  const candidates = candidatesOf(answers.flat(), await deps.chain.identity(), deps.sr25519, deps.clock.now());
  const wanted = candidates.filter(({ metadata }) => !query.filter || matches(query.filter, metadata));
  const scores = await cosines(vector, wanted, deps.embedder, signal);
  const tiers = await stakeTiers(wanted, deps.chain);
  return wanted
    .map((candidate, index) => hitOf(candidate, scores[index] ?? 0, tiers))
    .sort((left, right) => right.score - left.score)
    .slice(0, query.limit);
}

/**
 * Asks some miners, and another whenever one failed or time passes without an answer from all: a slow or dead miner
 * costs a moment, never the answer. Miners that lie cost places in the ranking at most.
 */
async function hedged<T, V>(
  miners: readonly V[],
  ask: (miner: V) => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const rest = [...miners];
  const answers: T[] = [];
  const running = new Set<Promise<void>>();
  const start = () => {
    const miner = rest.shift();
    if (miner === undefined) return;
    const call = ask(miner)
      .then((answer) => void answers.push(answer), start)
      .finally(() => running.delete(call));
    running.add(call);
  };
  const wanted = Math.min(ASKED_AT_ONCE, miners.length);
  for (let asked = 0; asked < wanted; asked++) start();
  const late = new AbortController();
  const until = AbortSignal.any([signal, late.signal]);
  const deadline = clock.sleep(DEADLINE_MS, until).then(
    () => true,
    () => true,
  );
  for (let over = false; !over && answers.length < wanted && running.size > 0; ) {
    const hedge = clock.sleep(HEDGE_AFTER_MS, until).then(start, () => undefined);
    over = await Promise.race([
      deadline,
      hedge.then(() => false),
      ...[...running].map((call) => call.then(() => false)),
    ]);
    signal.throwIfAborted();
    // With an answer in hand, one more wait is enough for the others.
    if (rest.length === 0 && answers.length > 0) {
      await Promise.race([deadline, hedge, Promise.all(running)]);
      break;
    }
  }
  late.abort();
  return answers;
}

interface Candidate {
  readonly cid: string;
  readonly text: string;
  readonly metadata: Hit["metadata"];
  readonly authored: AuthoredPart | undefined;
}

/** One candidate per text and author: the same memory comes from several miners. */
function candidatesOf(
  answers: readonly QueryAnswer[],
  chain: string,
  sr25519: Sr25519,
  now: number,
): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { cid, metadata } of answers) {
    const text = metadata.get("text");
    if (typeof text !== "string" || text.trim() === "" || text.length > 8_192) continue;
    const authored = verifyAuthor(metadata, chain, sr25519);
    if (authored?.expiresAt !== undefined && authored.expiresAt <= now) continue;
    const key = authored ? `${authored.author}/${authored.id}/${authored.part}` : `${text}`;
    if (!found.has(key)) found.set(key, { cid, text, metadata: authored?.metadata ?? {}, authored });
  }
  return [...found.values()];
}

/** Of each text's own vector with the query's, in [0, 1]. */
export async function cosines(
  query: Float32Array,
  candidates: readonly { readonly text: string }[],
  embedder: Embedder,
  signal: AbortSignal,
): Promise<readonly number[]> {
  if (candidates.length === 0) return [];
  const vectors = await embedder.embed(
    candidates.map(({ text }) => text),
    { signal },
  );
  return vectors.map((vector) => {
    const dot = vector.reduce((sum, component, index) => sum + component * (query[index] ?? 0), 0);
    const norms = Math.hypot(...vector) * Math.hypot(...query);
    return norms > 0 ? Math.min(Math.max(dot / norms, 0), 1) : 0;
  });
}

/** Nobody's stake is known while the chain does not answer: then all are anonymous. */
async function stakeTiers(
  candidates: readonly Candidate[],
  chain: ChainClient,
): Promise<ReadonlyMap<string, TrustTier>> {
  const authors = new Set(candidates.flatMap(({ authored }) => (authored ? [authored.author] : [])));
  if (authors.size === 0) return new Map();
  const snapshot = await chain.metagraph().catch(() => undefined);
  const stakes = new Map(snapshot?.neurons.map(({ hotkey, stakeTao }) => [hotkey, stakeTao]));
  return new Map([...authors].map((author) => [author, trustTier(stakes.get(author) ?? 0)]));
}

function hitOf(
  { cid, text, metadata, authored }: Candidate,
  score: number,
  tiers: ReadonlyMap<string, TrustTier>,
): Hit {
  const shared = { namespace: PUBLIC_SHOWN_NAME, visibility: "public", text, metadata, score } as const;
  if (!authored) {
    return { ...shared, id: cid as MemoryId, session: "", seq: 0, at: 0, createdAt: 0, tier: "anonymous" };
  }
  const { id, author, session, seq, at, createdAt, speaker, expiresAt, replaces } = authored;
  return {
    ...shared,
    id: id as MemoryId,
    session,
    seq,
    at,
    createdAt,
    owner: author,
    tier: tiers.get(author) ?? "anonymous",
    ...(speaker === undefined ? {} : { speaker }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(replaces === undefined ? {} : { replaces: replaces as MemoryId }),
  };
}
