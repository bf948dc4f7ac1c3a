import { type Cid, cidMatches, isCid } from "../../../crypto/cid.ts";
import type { SubnetJson } from "../../../crypto/subnet-json.ts";
import type { EmbeddingProfile } from "../../ports.ts";
import type { HttpReply } from "../../runtime/http-client.ts";
import { failureOutcome, later, type Outcome, refusalOutcome } from "./delivery-policy.ts";
import type { JournalBody } from "./journal-body.ts";
import { errorOf, parsed } from "./miner-client.ts";
import type { MinerView } from "./miner-directory.ts";
import type { NamespaceAccess } from "./namespace-access.ts";
import type { PrivateHolder } from "./placement.ts";
import { privateBodyCid, privateEmbedding } from "./private-embedding.ts";
import { envelopeOf, type PrivateRecord } from "./private-record.ts";
import { isPublicRecordCid, publicRecordCid } from "./public-record.ts";

type PublicBody = Extract<JournalBody, { form: "public" }>;
type PrivateBody = Extract<JournalBody, { form: "private" }>;

interface SendOptions {
  /** This one included. */
  readonly attempts: number;
  readonly signal?: AbortSignal;
}

/** Whether a vector of `ours` may stand in a miner's index as it is. */
export function sharesProfile(view: MinerView, ours: EmbeddingProfile): boolean {
  const { profile } = view;
  return profile?.model === ours.model && profile.dim === ours.dim && profile.normalized === ours.normalized;
}

export function privateCidAt(view: MinerView, access: NamespaceAccess, body: PrivateBody): Cid {
  return privateBodyCid(access, body, view.profile);
}

/** The CID a public record will have at a miner; null when the miner embeds its text itself. */
export function publicCidAt(view: MinerView, body: PublicBody, ours: EmbeddingProfile): Cid | null {
  return sharesProfile(view, ours) && body.model === ours.model ? publicRecordCid(body.record, body.vector) : null;
}

/** Sends a private record to a miner that may have it, unless an earlier attempt already arrived. */
export async function pushPrivate(
  view: PrivateHolder,
  access: NamespaceAccess,
  body: PrivateBody,
  { attempts, signal }: SendOptions,
): Promise<Outcome> {
  const { record, expiresAt } = body;
  const embedding = privateEmbedding(access, body, view.profile);
  const metadata = new Map<string, SubnetJson>([["_enc", envelopeOf(record.metadata)]]);
  return attempt(async () => {
    if (attempts > 1 && (await holdsPrivate(view, record, signal))) {
      return { kind: "done", cid: privateCidAt(view, access, body) };
    }
    const text = ingestBody({ embedding, metadata: record.metadata, expiresAt, noise: false });
    const reply = await view.client.ingest(text, record.wireName, signalOf(signal));
    // A miner of the reference adds noise to private vectors, so its CID cannot be foreseen (spec 9.1).
    const stated = view.caps.includes("private1");
    return ingested(reply, attempts, (cid) => !stated || cidMatches(cid, { embedding, metadata }));
  });
}

/** Sends a public record: with our vector where the miner's index is of our model, else as text (design: embeddings). */
export async function pushPublic(
  view: MinerView,
  body: PublicBody,
  ours: EmbeddingProfile,
  { attempts, signal }: SendOptions,
): Promise<Outcome> {
  const { record, vector, expiresAt, model } = body;
  const expected = publicCidAt(view, body, ours);
  return attempt(async () => {
    if (attempts > 1 && expected !== null && (await view.client.retrieve(expected, signalOf(signal)))) {
      return { kind: "done", cid: expected };
    }
    const text =
      expected === null
        ? ingestBody({ text: record.text, metadata: record.metadata, expiresAt })
        : ingestBody({ embedding: vector, model, metadata: record.metadata, expiresAt });
    const reply = await view.client.ingest(text, undefined, signalOf(signal));
    return ingested(reply, attempts, (cid) => expected === null || isPublicRecordCid(cid, record, vector));
  });
}

/** Asks a holder to delete a record. 404 is as good: it has nothing under that CID. */
export async function removeRecord(
  view: MinerView,
  cid: string,
  wireName: string | undefined,
  { attempts, signal }: SendOptions,
): Promise<Outcome> {
  if (wireName !== undefined && !view.caps.includes("private1")) {
    return { kind: "impossible", reason: "this miner cannot delete private records (M-W5)" };
  }
  return attempt(async () => {
    const reply = await view.client.remove(cid, wireName, signalOf(signal));
    if (reply.status === 200 || reply.status === 404) return { kind: "done", cid };
    return refusalOutcome(reply, errorOf(reply), attempts);
  });
}

async function holdsPrivate(
  view: PrivateHolder,
  record: PrivateRecord,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const envelope = envelopeOf(record.metadata);
  const query = { namespace: record.wireName, filter: { _enc: envelope }, limit: 1 };
  const { records } = await view.client.list(query, signalOf(signal));
  return records.some(({ metadata }) => metadata.get("_enc") === envelope);
}

interface IngestFields {
  readonly embedding?: Float32Array;
  readonly model?: string;
  readonly text?: string;
  readonly metadata: string;
  readonly expiresAt: number | undefined;
  /** False: the vector says as little as it should already; the miner is to add no noise of its own. */
  readonly noise?: false;
}

/** The body without its auth fields; the metadata text goes in as it was stored. */
function ingestBody({ embedding, model, text, metadata, expiresAt, noise }: IngestFields): string {
  const what = embedding ? { raw_embedding: [...embedding], model } : { text };
  // Unix seconds, as other times on the wire.
  const fields = JSON.stringify({ ...what, noise, expires_at: expiresAt === undefined ? undefined : expiresAt / 1000 });
  return `${fields.slice(0, -1)},"metadata":${metadata}}`;
}

/** Confirmed only when the CID is the content's own (M-W13): a miner that stored something else holds no replica. */
function ingested(reply: HttpReply, attempts: number, isOurs: (cid: string) => boolean): Outcome {
  const error = errorOf(reply);
  const cid = parsed(reply)?.get("cid");
  if (reply.status !== 200 || error !== undefined) return refusalOutcome(reply, error, attempts);
  if (typeof cid !== "string" || !isCid(cid) || !isOurs(cid)) {
    const reason = "the miner answered with the CID of something else";
    return attempts >= 3 ? { kind: "impossible", reason } : later(reason);
  }
  return { kind: "done", cid };
}

async function attempt(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    return failureOutcome(error);
  }
}

function signalOf(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal ? { signal } : {};
}
