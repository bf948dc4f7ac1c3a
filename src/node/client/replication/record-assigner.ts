import { z } from "zod";
import { isEngramError } from "../../../crypto/errors.ts";
import type { EmbeddingProfile } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Lease } from "../leases.ts";
import type { NewDelivery } from "../store/delivery-statements.ts";
import type { MemoryStore } from "../store/memory-store.ts";
import type { WaitingRecord } from "../store/record-statements.ts";
import { type JournalBody, readJournalBody } from "./journal-body.ts";
import type { MinerView } from "./miner-directory.ts";
import { assign, isPublicHolder, type PlacementPolicy, placementFingerprint, privateHolders } from "./placement.ts";
import { publicRecordCid } from "./public-record.ts";
import type { RecordBuilder } from "./record-builder.ts";
import { privateCidAt, publicCidAt } from "./record-sender.ts";

export interface AssignerDeps {
  readonly store: MemoryStore;
  readonly builder: RecordBuilder;
  readonly clock: Clock;
  readonly profile: EmbeddingProfile;
  readonly policy: PlacementPolicy;
}

const CURSOR = "replication-cursor";
const BATCH = 64;
const cursorSchema = z.object({ fingerprint: z.string(), after: z.number().int() });

/**
 * Walks the journal in the order it was written: makes the bytes that are missing and gives every record to its
 * miners. When the miners change, the walk begins anew; who has a record already is not given it again.
 * Returns whether there was anything to do.
 */
export async function assignRecords(views: readonly MinerView[], deps: AssignerDeps, lease: Lease): Promise<boolean> {
  const fingerprint = placementFingerprint(views, deps.policy);
  let after = await walkedTo(views, deps);
  let found = false;
  while (!lease.signal.aborted) {
    const waiting = await deps.store.call("waitingRecords", { after, limit: BATCH });
    const last = waiting.at(-1);
    if (!last) break;
    found = true;
    const built = await buildMissing(waiting, deps, lease.signal);
    const ready = built > 0 ? await deps.store.call("waitingRecords", { after, limit: BATCH }) : waiting;
    after = last.record;
    await deps.store.call("assign", {
      now: deps.clock.now(),
      // No further than what was built: others may have journalled more meanwhile. Further parts have later rows.
      deliveries: ready
        .filter(({ record }) => record <= last.record)
        .flatMap((record) => deliveriesOf(record, views, deps)),
      cursor: { key: CURSOR, text: JSON.stringify({ fingerprint, after }) },
    });
  }
  return found;
}

/** The last record of the journal that was given to exactly these miners. */
export async function walkedTo(
  views: readonly MinerView[],
  { store, policy }: Pick<AssignerDeps, "store" | "policy">,
): Promise<number> {
  const text = await store.call("readValue", CURSOR);
  const cursor = text ? cursorSchema.safeParse(JSON.parse(text)) : undefined;
  return cursor?.success && cursor.data.fingerprint === placementFingerprint(views, policy) ? cursor.data.after : 0;
}

async function buildMissing(
  waiting: readonly WaitingRecord[],
  { builder, store, clock }: AssignerDeps,
  signal: AbortSignal,
): Promise<number> {
  const built = [];
  const seen = new Set<string>();
  for (const record of waiting) {
    const key = `${record.kind}/${record.id}`;
    if (record.body !== null || seen.has(key)) continue;
    seen.add(key);
    const bodies = await buildOne(builder, record, signal);
    if (bodies) built.push({ id: record.id, kind: record.kind, bodies });
  }
  if (built.length > 0) await store.call("saveBodies", { now: clock.now(), built });
  return built.length;
}

/** A memory that no record can hold stays local; status shows that it has no replica. */
async function buildOne(
  builder: RecordBuilder,
  record: WaitingRecord,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  try {
    return await builder.build(record, signal);
  } catch (error) {
    const unsuitable = ["MEMORY_TOO_LARGE", "METADATA_RESERVED", "JSON_UNSUPPORTED", "NAMESPACE_NAME_INVALID"];
    if (unsuitable.some((code) => isEngramError(error, code))) return undefined;
    throw error;
  }
}

function deliveriesOf(
  record: WaitingRecord,
  views: readonly MinerView[],
  { builder, profile, policy }: AssignerDeps,
): readonly NewDelivery[] {
  if (record.body === null) return [];
  const body = readJournalBody(record.body);
  if (body.form === "public") return publicDeliveries(record.record, body, views, profile);
  const access = builder.accessOf(record);
  return assign(body.record.recordId, privateHolders(views, policy)).map((view) => ({
    record: record.record,
    hotkey: view.miner.hotkey,
    cid: privateCidAt(view, access, body),
  }));
}

/** Validators expect a public record where its CID falls in the whole set (spec 9.8). */
function publicDeliveries(
  record: number,
  body: Extract<JournalBody, { form: "public" }>,
  views: readonly MinerView[],
  profile: EmbeddingProfile,
): readonly NewDelivery[] {
  return assign(publicRecordCid(body.record, body.vector), views, isPublicHolder).map((view) => ({
    record,
    hotkey: view.miner.hotkey,
    cid: publicCidAt(view, body, profile),
  }));
}
