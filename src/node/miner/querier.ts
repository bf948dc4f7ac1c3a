import type { Hotkey } from "../../crypto/ss58.ts";
import { PUBLIC_NAMESPACE } from "../ports.ts";
import { referenceFilter } from "../protocol/filter.ts";
import { MAX_TEXT_CHARACTERS } from "../protocol/limits.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { ReplyHit } from "../protocol/reply-text.ts";
import type { QueryRequest } from "../protocol/requests.ts";
import type { Attester } from "./attester.ts";
import { embedText } from "./embed-text.ts";
import type { MinerDeps } from "./miner-options.ts";
import { type NamespaceGate, NamespaceRefused, type OwnedNamespace } from "./namespace-gate.ts";
import { checkedVector, refuseOtherModel } from "./vector-check.ts";

interface Deps extends Pick<MinerDeps, "store" | "embedder" | "clock"> {
  readonly namespaceGate: NamespaceGate;
  readonly attester: Attester;
}

/** Answers queries (spec 8.2): cosine similarity, best first (M-W14), of one namespace. */
export class Querier {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Throws `Refusal` 200 for what the reference answers that way. */
  async query(request: QueryRequest, caller: Hotkey | null): Promise<readonly ReplyHit[]> {
    const { claim } = request;
    if (!claim) return this.#search(request, PUBLIC_NAMESPACE);
    return this.queryOpened(request, await this.#deps.namespaceGate.openToQuery(claim, caller).catch(asRefusal));
  }

  /** As `query`, of a private namespace that was opened to the sender. */
  queryOpened(request: QueryRequest, namespace: OwnedNamespace): Promise<readonly ReplyHit[]> {
    return this.#search(request, namespace);
  }

  async #search(request: QueryRequest, namespace: string): Promise<readonly ReplyHit[]> {
    const { store, clock, attester } = this.#deps;
    const { topK, filter } = request;
    const vector = await this.#vectorOf(request);
    const pairs = filter ? referenceFilter(filter) : null;
    const found = await store.search({
      namespace,
      vector,
      limit: topK,
      now: clock.now(),
      ...(pairs ? { filter: pairs } : {}),
    });
    // What is public belongs to nobody, so no attestation speaks for it (M-W8).
    const trustTier = namespace !== PUBLIC_NAMESPACE ? await attester.tierOf(namespace) : "anonymous";
    return found.map((record) => ({ ...record, trustTier }));
  }

  /** The vector wins when both are given (spec 8.2). */
  async #vectorOf({ queryText, queryVector, model }: QueryRequest): Promise<Float32Array> {
    const { embedder } = this.#deps;
    if (queryVector !== undefined) return checkedVector("query_vector", queryVector, model, embedder.profile);
    if (queryText === undefined || queryText.trim() === "") throw new Refusal(200, "give query_text or query_vector");
    if (queryText.length > MAX_TEXT_CHARACTERS) {
      throw new Refusal(200, `query_text is longer than ${MAX_TEXT_CHARACTERS} characters; shorten it`);
    }
    refuseOtherModel(model, embedder.profile);
    return embedText(embedder, queryText);
  }
}

/** One sentence for every reason: which namespaces exist here is nobody's business. */
function asRefusal(error: unknown): never {
  if (!(error instanceof NamespaceRefused)) throw error;
  if (error.reason === "legacy") throw new Refusal(200, error.message);
  throw new Refusal(200, "no access to this namespace: sign as its owner with a fresh namespace_timestamp_ms");
}
