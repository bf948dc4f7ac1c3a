import { isEngramError } from "../../../crypto/errors.ts";
import { shownName } from "../../../crypto/namespace-name.ts";
import type { Clock } from "../../runtime/clock.ts";
import { isMemoryId } from "../ids.ts";
import type { Lease } from "../leases.ts";
import type { MinerView } from "../replication/miner-directory.ts";
import { accessWith } from "../replication/namespace-access.ts";
import { type GatheredContent, RecordGathering } from "../replication/record-gathering.ts";
import { memoryOf } from "../replication/restoration.ts";
import type { MemoryStore } from "../store/memory-store.ts";
import type { RestoredMemory } from "../store/restore-memories.ts";
import type { SharedNamespace } from "../store/sharing-operations.ts";
import type { GrantCalls } from "./grant-calls.ts";
import type { Letter } from "./letter.ts";

interface Deps {
  readonly store: MemoryStore;
  readonly calls: GrantCalls;
  /** Those that keep grants and answer. */
  readonly views: readonly MinerView[];
  readonly open: (sealed: string) => Letter;
  readonly stored: (namespace: string, pieces: readonly number[]) => void;
  readonly clock: Clock;
}

/** What this process read of one namespace before: its miners list everything each time. */
export class ReadBefore {
  /** CIDs of records that need no second look. */
  readonly cids = new Set<string>();
  /** Forgotten by the owner: a copy that outlived them brings none of them back. */
  readonly gone = new Set<string>();
}

const BATCH = 200;
/** The furthest a date can be from 1970, in ms (ECMA-262). */
const MAX_TIME_MS = 8.64e15;

/**
 * Brings the reader's own index of a shared namespace up to what its miners hold: looks for a newer letter first, then takes
 * what is new and forgets what its owner forgot. Resolves to how many miners told what they hold.
 */
export async function readShared(
  namespace: SharedNamespace,
  before: ReadBefore,
  deps: Deps,
  lease: Lease,
): Promise<number> {
  const { store, calls, views, clock } = deps;
  const letter = await newestLetter(namespace, deps, lease.signal);
  if (letter.grant.expires_at <= clock.now()) return 0;
  const access = accessWith(namespace.wireName, letter.secrets.reveal());
  const gathering = new RecordGathering(access, { anyCid: true, known: before.cids });
  const yields = views.map(({ miner }) => ({ hotkey: miner.hotkey, reachable: true, records: 0, skipped: 0 }));
  await Promise.all(
    views.map(async ({ miner, profile }, place) => {
      const client = calls.lister(miner, letter.grant);
      const yielded = yields[place];
      if (yielded) await gathering.readFrom({ miner, profile, client }, yielded, lease.signal);
    }),
  );
  await lease.check();
  await take(namespace, gathering.contents().whole, before, deps);
  const answered = yields.filter(({ reachable }) => reachable).length;
  if (answered > 0) {
    await store.call("noteSynced", { namespace: namespace.id, grantId: letter.grant.id, now: clock.now() });
  }
  return answered;
}

async function take(
  { name }: SharedNamespace,
  contents: readonly GatheredContent[],
  before: ReadBefore,
  { store, stored, clock }: Deps,
): Promise<void> {
  for (const { kind, id } of contents) if (kind === "tombstone") before.gone.add(id);
  const gone = contents.flatMap(({ kind, id }) => (kind === "tombstone" ? id : []));
  for (const ids of batches(gone)) await store.call("forgetShared", { namespace: name, ids, now: clock.now() });
  const alive = contents.filter(({ kind, id }) => kind === "memory" && !before.gone.has(id));
  const memories = alive
    .flatMap((content) => memoryOf(content, shownName(name)))
    .filter(isShowable)
    .filter(({ expiresAt = Number.POSITIVE_INFINITY }) => expiresAt > clock.now());
  for (const batch of batches(memories)) {
    const { pieces } = await store.call("restore", { memories: batch, journal: false });
    for (const one of pieces) stored(one.namespace, one.pieces);
  }
  for (const { parts } of contents) for (const { copies } of parts) for (const { cid } of copies) before.cids.add(cid);
  if (memories.length > 0) await store.call("restoreSuperseded", null);
}

/** Another wallet says what is in it: an id that is none, or a time that is no date, would break what shows them. */
function isShowable({ id, at, createdAt, expiresAt = 0 }: RestoredMemory): boolean {
  return isMemoryId(id) && [at, createdAt, expiresAt].every((time) => Math.abs(time) <= MAX_TIME_MS);
}

/** The owner's newest, whichever miner has it; an older or a foreign one changes nothing. */
async function newestLetter(namespace: SharedNamespace, deps: Deps, signal: AbortSignal): Promise<Letter> {
  const { store, calls, views, open } = deps;
  let newest = open(namespace.sealed);
  const found = await Promise.allSettled(views.map(({ miner }) => calls.letter(miner, namespace.wireName, signal)));
  signal.throwIfAborted();
  for (const one of found) {
    if (one.status !== "fulfilled" || !one.value || one.value.epoch <= newest.grant.epoch) continue;
    const letter = opened(open, one.value.sealed);
    if (!letter) continue;
    const { grant } = letter;
    if (grant.namespace !== namespace.wireName || grant.owner !== namespace.owner || grant.epoch <= newest.grant.epoch)
      continue;
    newest = letter;
    await store.call("keepLetter", {
      ...{ wireName: grant.namespace, owner: grant.owner, grantId: grant.id, sealed: one.value.sealed },
      ...{ epoch: grant.epoch, expiresAt: grant.expires_at },
    });
  }
  return newest;
}

function opened(open: (sealed: string) => Letter, sealed: string): Letter | undefined {
  try {
    return open(sealed);
  } catch (error) {
    // A miner may give anything; what the owner did not sign is as good as no letter.
    if (isEngramError(error)) return undefined;
    throw error;
  }
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += BATCH) yield items.slice(from, from + BATCH);
}
