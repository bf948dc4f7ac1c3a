import { type Cid, cidOf } from "../../../crypto/cid.ts";
import { sealedVector } from "../../../crypto/sealed-vector.ts";
import type { SubnetJson } from "../../../crypto/subnet-json.ts";
import type { Embedder, EmbeddingProfile } from "../../ports.ts";
import type { Memory } from "../memory.ts";
import { obfuscatedVector } from "../obfuscation.ts";
import { embeddingText } from "../recall/embedding-text.ts";
import type { JournalBody } from "./journal-body.ts";
import type { NamespaceAccess } from "./namespace-access.ts";
import { envelopeOf } from "./private-record.ts";

type PrivateBody = Extract<JournalBody, { form: "private" }>;

/** The dimension of a miner that does not state one: what the public subnet runs (spec 9.4). */
const UNSTATED_DIMENSION = 384;

/**
 * What a miner of `profile` gets for a private record: the obfuscated vector where the record has one of that very
 * model, else the sealed one.
 */
export function privateEmbedding(
  access: NamespaceAccess,
  { record, searchable }: Pick<PrivateBody, "record" | "searchable">,
  profile: EmbeddingProfile | undefined,
): Float32Array {
  if (searchable && profile?.model === searchable.model && profile.dim === searchable.vector.length) {
    return searchable.vector;
  }
  return sealedVector(access.vectorSecret, record.recordId, profile?.dim ?? UNSTATED_DIMENSION);
}

/** The CID the record has on a miner of this profile. */
export function privateBodyCid(
  access: NamespaceAccess,
  body: Pick<PrivateBody, "record" | "searchable">,
  profile: EmbeddingProfile | undefined,
): Cid {
  const metadata = new Map<string, SubnetJson>([["_enc", envelopeOf(body.record.metadata)]]);
  return cidOf({ embedding: privateEmbedding(access, body, profile), metadata });
}

/** Of a memory that takes `parts` records, what each is found by: a part of its text, as near as can be told. */
export async function searchableVectors(
  access: NamespaceAccess,
  { text, speaker }: Pick<Memory, "text" | "speaker">,
  { embedder, parts, signal }: { readonly embedder: Embedder; readonly parts: number; readonly signal?: AbortSignal },
): Promise<readonly NonNullable<PrivateBody["searchable"]>[]> {
  const length = Math.ceil(text.length / parts);
  const slices = Array.from({ length: parts }, (_, part) => {
    const slice = text.slice(part * length, (part + 1) * length).trim() || text;
    return embeddingText({ text: slice, speaker } as Parameters<typeof embeddingText>[0]);
  });
  const vectors = await embedder.embed(slices, { priority: "background", ...(signal ? { signal } : {}) });
  const { model } = embedder.profile;
  return slices.map((slice, part) => {
    const vector = vectors[part] ?? new Float32Array(embedder.profile.dim);
    return { vector: obfuscatedVector(access.secret, slice, vector), model };
  });
}
