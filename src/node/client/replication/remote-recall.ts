import { isEngramError } from "../../../crypto/errors.ts";
import { shownName } from "../../../crypto/namespace-name.ts";
import type { Embedder } from "../../ports.ts";
import { matches } from "../../protocol/filter-match.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Hit, QueryInput } from "../memory.ts";
import type { MinerView } from "./miner-directory.ts";
import type { NamespaceAccess } from "./namespace-access.ts";
import type { PrivateHolder } from "./placement.ts";
import { joinParts, type OpenedPart, openRecord } from "./private-record.ts";
import { cosines } from "./public-recall.ts";
import { type GatheredContent, RecordGathering } from "./record-gathering.ts";
import { sharesProfile } from "./record-sender.ts";
import { memoryOf } from "./restoration.ts";

export interface RemoteRecallDeps {
  readonly namespaces: readonly { readonly name: string; readonly access: NamespaceAccess }[];
  readonly views: readonly PrivateHolder[];
  readonly embedder: Embedder;
  readonly clock: Clock;
}

const DEADLINE_MS = 4_000;
/** Of each miner beyond the hits wanted: the noise turns their order round. */
const MORE_CANDIDATES = 4;
const MAX_CANDIDATES = 100;
/** A text's beginning says what it is about. */
const SCORED_CHARACTERS = 4_000;

type Found = Pick<GatheredContent, "kind" | "id" | "content">;

/**
 * Searches namespaces at the miners that hold them, by the question's vector as it is, and ranks what opens by this
 * client's own model: the noise is in the stored vectors alone. What the owner did not write is not looked at.
 */
export async function recallRemotely(
  query: QueryInput & { readonly limit: number },
  { namespaces, views, embedder, clock }: RemoteRecallDeps,
  signal: AbortSignal,
): Promise<readonly Hit[]> {
  const able = views.filter((view) => sharesProfile(view, embedder.profile));
  const [vector] = able.length === 0 ? [] : await embedder.embed([query.query], { signal });
  if (!vector) return [];
  const limit = Math.min(query.limit * MORE_CANDIDATES, MAX_CANDIDATES);
  const found = await Promise.all(
    namespaces.map(async ({ name, access }) => {
      const contents = await search(access, able, { vector, limit }, signal);
      return contents.flatMap((content) => memoryOf({ ...content, parts: [] }, shownName(name)));
    }),
  );
  const now = clock.now();
  const wanted = found
    .flat()
    .filter(({ expiresAt = Number.POSITIVE_INFINITY }) => expiresAt > now)
    .filter(({ metadata }) => !query.filter || matches(query.filter, metadata));
  const texts = wanted.map(({ text }) => ({ text: text.slice(0, SCORED_CHARACTERS) }));
  const scores = await cosines(vector, texts, embedder, signal);
  return wanted
    .map(({ archiveKey: _, ...memory }, index): Hit => {
      return { ...memory, visibility: "private", score: scores[index] ?? 0, tier: "own" };
    })
    .sort((left, right) => right.score - left.score)
    .slice(0, query.limit);
}

async function search(
  access: NamespaceAccess,
  views: readonly MinerView[],
  { vector, limit }: { readonly vector: Float32Array; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const parts = new Map<string, OpenedPart>();
  const options = { namespace: access.wireName, deadlineMs: DEADLINE_MS, signal };
  // Each memory lies at three of them: all are asked, and who does not answer is left out.
  const answers = await Promise.allSettled(views.map(({ client }) => client.query({ vector }, limit, options)));
  signal.throwIfAborted();
  for (const answer of answers) {
    if (answer.status === "rejected") continue;
    for (const { metadata } of answer.value) {
      const part = openOrNothing(access, metadata.get("_enc"));
      if (part?.kind === "memory") parts.set(part.recordId, part);
    }
  }
  const groups = [...Map.groupBy(parts.values(), ({ id }) => id).values()];
  const whole = groups.flatMap((group) => wholeOf(group));
  const missing = new Set(groups.flatMap((group) => (wholeOf(group).length === 0 ? (group[0]?.id ?? []) : [])));
  return missing.size === 0 ? whole : [...whole, ...(await gatherThose(missing, access, views, signal))];
}

function wholeOf(group: readonly OpenedPart[]): readonly Found[] {
  const content = joinParts(group.toSorted((left, right) => left.part - right.part));
  const [first] = group;
  return content && first ? [{ kind: first.kind, id: first.id, content }] : [];
}

/** A long memory was found by one of its parts: the others are told from the list alone. */
async function gatherThose(
  ids: ReadonlySet<string>,
  access: NamespaceAccess,
  views: readonly MinerView[],
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const gathering = new RecordGathering(access, { anyCid: true });
  await Promise.all(
    views.map((view) =>
      gathering.readFrom(view, { hotkey: view.miner.hotkey, reachable: true, records: 0, skipped: 0 }, signal),
    ),
  );
  return gathering.contents().whole.filter(({ kind, id }) => kind === "memory" && ids.has(id));
}

function openOrNothing(access: NamespaceAccess, envelope: unknown): OpenedPart | undefined {
  if (typeof envelope !== "string") return undefined;
  try {
    return openRecord(access, envelope);
  } catch (error) {
    if (isEngramError(error)) return undefined;
    throw error;
  }
}
