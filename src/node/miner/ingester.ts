import { type Cid, type CidContent, cidMatches, cidOf } from "../../crypto/cid.ts";
import { noiseSigma, obfuscate } from "../../crypto/embedding-noise.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { hasOverflow, isSubnetObject, type SubnetObject } from "../../crypto/subnet-json.ts";
import { writePythonDefault } from "../../crypto/subnet-json-writer.ts";
import { PUBLIC_NAMESPACE } from "../ports.ts";
import { MAX_METADATA_BYTES, MAX_TEXT_CHARACTERS } from "../protocol/limits.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { IngestRequest } from "../protocol/requests.ts";
import type { ChainView } from "./chain-view.ts";
import { embedText } from "./embed-text.ts";
import type { MinerDeps, MinerOptions } from "./miner-options.ts";
import { type NamespaceGate, NamespaceRefused } from "./namespace-gate.ts";
import { checkedVector, refuseOtherModel } from "./vector-check.ts";

const LAST_MOMENT = Date.UTC(9999, 11, 31);

interface Deps extends Pick<MinerDeps, "store" | "embedder" | "clock" | "noiseKey"> {
  readonly chainView: ChainView;
  readonly namespaceGate: NamespaceGate;
}

type IngesterOptions = Pick<MinerOptions, "minIngestStakeTao" | "noiseEpsilon">;

/** Stores records (spec 8.1): checked whole before anything is written, acknowledged when it is on disk. */
export class Ingester {
  readonly #options: IngesterOptions;
  readonly #deps: Deps;

  constructor(options: IngesterOptions, deps: Deps) {
    this.#options = options;
    this.#deps = deps;
  }

  /**
   * Stores the record and returns its CID; the same content again changes nothing and gives the same CID. A record
   * never moves between namespaces (M-W15). Throws `Refusal` 200 for what the reference answers that way.
   */
  async ingest(request: IngestRequest, caller: Hotkey | null): Promise<string> {
    await this.#checkStake(caller);
    const content = this.#checkedContent(request);
    const namespace = request.claim
      ? await this.#deps.namespaceGate.openOrClaim(request.claim, caller).catch(asRefusal)
      : PUBLIC_NAMESPACE;
    const embedding = this.#obfuscated(await content.embedding(), namespace, request);
    const cid = cidFor({ embedding, metadata: content.metadata, modelVersion: request.modelVersion }, request);
    await this.#deps.store.put([
      {
        namespace,
        cid,
        embedding,
        metadata: content.metadataText,
        ingestedBy: caller,
        createdAt: this.#deps.clock.now(),
        expiresAt: content.expiresAt,
      },
    ]);
    return cid;
  }

  /**
   * As the reference adds noise to private vectors (spec 9.1), but the same to the same vector, so that storing it again
   * makes no second record and averages nothing out (M-W23). Owners who took care of their vectors say so: then none.
   */
  #obfuscated(embedding: Float32Array, namespace: string, { claim, noise }: IngestRequest): Float32Array {
    const { noiseEpsilon } = this.#options;
    const { noiseKey } = this.#deps;
    if (noiseEpsilon === undefined || !noiseKey || !claim || !noise) return embedding;
    const bytes = Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
    const content = Buffer.concat([Buffer.from(`${namespace}\0`, "utf8"), bytes]);
    return obfuscate(embedding, {
      ...{ key: noiseKey.reveal(), content, sigma: noiseSigma(noiseEpsilon, embedding.length) },
    });
  }

  /** Known stake that is too small is refused; unknown stake and anonymous callers are not (spec 8.1). */
  async #checkStake(caller: Hotkey | null): Promise<void> {
    const minimum = this.#options.minIngestStakeTao;
    if (minimum <= 0 || caller === null) return;
    const neuron = await this.#deps.chainView.neuron(caller);
    if (neuron !== null && neuron.stakeTao < minimum) {
      throw new Refusal(200, `not enough stake: ingesting here takes ${minimum} TAO`);
    }
  }

  #checkedContent(request: IngestRequest) {
    const embedding = this.#checkedSource(request);
    const metadata = wireMetadata(request);
    const metadataText = checkedMetadataText(metadata);
    const authored = request.claim ? undefined : authoredExpiry(metadata);
    const expiresAt = authored === undefined ? (request.expiresAt ?? null) : authored;
    const end = expiresAt ?? LAST_MOMENT;
    if (end <= this.#deps.clock.now() || end > LAST_MOMENT) {
      throw new Refusal(200, "expires_at must be a unix time in seconds that lies ahead, before the year 10000");
    }
    return { embedding, metadata, metadataText, expiresAt };
  }

  /** The vector wins when both are given (spec 8.1). Embedding itself waits until everything else was checked. */
  #checkedSource({ text, rawEmbedding, model }: IngestRequest): () => Promise<Float32Array> {
    const { embedder } = this.#deps;
    if (text === undefined && rawEmbedding === undefined) throw new Refusal(200, "give text or raw_embedding");
    const blank = text !== undefined && text.trim() === "";
    if (text !== undefined && isLongerThan(text, MAX_TEXT_CHARACTERS)) {
      throw new Refusal(200, `text is longer than ${MAX_TEXT_CHARACTERS} characters; split it`);
    }
    if (rawEmbedding !== undefined) {
      const vector = checkedVector("raw_embedding", rawEmbedding, model, embedder.profile);
      return async () => vector;
    }
    if (blank || text === undefined) throw new Refusal(200, "text is blank");
    refuseOtherModel(model, embedder.profile);
    return () => embedText(embedder, text);
  }
}

/**
 * When a public memory of our clients ends by its author's word, in unix milliseconds; null: never; undefined: the record is
 * none of theirs. It is part of the content: a stranger who stores a copy first can neither drop nor shorten it.
 */
function authoredExpiry(metadata: SubnetObject): number | null | undefined {
  const details = metadata.get("engram");
  if (!isSubnetObject(details) || !metadata.has("author_sig")) return undefined;
  const expires = details.get("expires");
  return typeof expires === "bigint" ? Number(expires) : null;
}

/** What a repairing validator adds of a Qdrant source's own is dropped, or the copy would get another CID (M-W43). */
function wireMetadata({ metadata, cidOverride }: IngestRequest): SubnetObject {
  if (cidOverride === undefined || !metadata.has("_emb_hash")) return metadata;
  return new Map([...metadata].filter(([key]) => key !== "_emb_hash"));
}

/** The metadata as stored, PY-DEFAULT. Keys of the reference's stores are reserved (M-W7). */
function checkedMetadataText(metadata: SubnetObject): string {
  const text = writePythonDefault(metadata);
  if (text.length > MAX_METADATA_BYTES) {
    throw new Refusal(200, `metadata takes ${text.length} bytes; at most ${MAX_METADATA_BYTES} are stored`);
  }
  if ([...metadata.keys()].some((key) => key.startsWith("_") && key !== "_enc")) {
    throw new Refusal(200, "metadata keys that begin with _ are reserved; rename them");
  }
  if (hasOverflow(metadata)) throw new Refusal(200, "metadata holds a number too large for a double");
  return text;
}

/** The wanted CID when it is this content's in either form of the subnet, else ours (M-W13, M-W43). */
function cidFor(content: CidContent, { cidOverride }: IngestRequest): Cid | string {
  return cidOverride !== undefined && cidMatches(cidOverride, content) ? cidOverride : cidOf(content);
}

/** In code points, and without counting all of a text that is far too long. */
function isLongerThan(text: string, characters: number): boolean {
  if (text.length <= characters) return false;
  return text.length > characters * 2 || [...text].length > characters;
}

function asRefusal(error: unknown): never {
  throw error instanceof NamespaceRefused ? new Refusal(200, error.message) : error;
}
