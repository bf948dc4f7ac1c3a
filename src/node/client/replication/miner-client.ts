import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import type { HeldRecord } from "../../../crypto/possession-proof.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { StorageProof } from "../../../crypto/storage-proof.ts";
import { isSubnetArray, isSubnetObject, type SubnetObject, toPlain } from "../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../crypto/subnet-json-reader.ts";
import type { PossessionCaller, PossessionVerdict } from "../../protocol/possession-caller.ts";
import type { HttpClient, HttpReply } from "../../runtime/http-client.ts";
import type { RequestSigner } from "./signer.ts";

/** A miner this client may talk to. */
export interface KnownMiner {
  readonly hotkey: Hotkey;
  /** Without a trailing slash. */
  readonly url: string;
  /** In this process: it shares the disk, so it never counts as a replica. */
  readonly embedded: boolean;
  /** Breaks ties of placement. */
  readonly uid: number;
  /** Weighs in placement; unknown of those this client was told of. */
  readonly stakeTao?: number;
}

export interface ListedRecord {
  readonly cid: string;
  readonly metadata: SubnetObject;
}

export interface ListedPage {
  readonly records: readonly ListedRecord[];
  readonly next: string | undefined;
}

export interface QueryAnswer {
  readonly cid: string;
  readonly metadata: SubnetObject;
}

export interface ListQuery {
  /** The public space when absent. */
  readonly namespace?: string;
  readonly filter?: object;
  readonly limit: number;
  readonly offset?: number;
  /** The `next` of the page before, where the miner gives one (ours do). */
  readonly after?: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 15_000;
/** A page of 200 records of at most 4096 bytes, escaped and padded. */
export const MAX_LIST_REPLY_BYTES = 8 * 1024 * 1024;
const MAX_SMALL_REPLY_BYTES = 256 * 1024;
/** In the public space they are about what everybody sees. */
const OPEN_ENDPOINTS: ReadonlySet<string> = new Set(["IngestSynapse", "QuerySynapse", "list"]);
/** Spec 8.7: the wire caps a page here. */
export const LIST_PAGE = 200;

const errorSchema = z.object({ error: z.string() });
const proofSchema = z.object({ embedding_hash: z.string(), proof: z.string() });

/**
 * One miner's routes as the wire has them. Methods that change something return the raw reply, because what it means
 * depends on why it was sent; methods that read throw `MINER_ANSWER` for a reply that makes no sense.
 */
export class MinerClient {
  readonly miner: KnownMiner;
  readonly #http: HttpClient;
  readonly #signer: RequestSigner;
  readonly #deadlineMs: number;

  constructor(options: {
    readonly miner: KnownMiner;
    readonly http: HttpClient;
    readonly signer: RequestSigner;
    /** Of calls that name no other; default 15 s. */
    readonly deadlineMs?: number | undefined;
  }) {
    this.miner = options.miner;
    this.#http = options.http;
    this.#signer = options.signer;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  }

  /** `GET /health`: the reply's JSON (spec 8.16; `caps` is ours). */
  async health(options: CallOptions = {}): Promise<SubnetObject> {
    return objectOf(await this.#http.get(`${this.miner.url}/health`, this.#limits(options, MAX_SMALL_REPLY_BYTES)));
  }

  /** `POST /IngestSynapse` of a body without its auth fields; `namespace` adds the owner's proof (spec 8.1). */
  ingest(bodyText: string, namespace: string | undefined, options: CallOptions = {}): Promise<HttpReply> {
    return this.#post("IngestSynapse", bodyText, namespace, options, MAX_SMALL_REPLY_BYTES);
  }

  /** `DELETE /retrieve/{cid}`; the signed body names the CID, so that it deletes nothing else (spec 8.6, M-W6). */
  remove(cid: string, namespace: string | undefined, options: CallOptions = {}): Promise<HttpReply> {
    const fields = { cid, ...(namespace === undefined ? {} : this.#signer.namespaceFields(namespace)) };
    const body = this.#signer.signBody(JSON.stringify(fields), "DeleteSynapse");
    const limits = { ...this.#limits(options, MAX_SMALL_REPLY_BYTES), carriesTrace: namespace === undefined };
    return this.#http.delete(this.#recordUrl(cid), body, limits);
  }

  /** `POST /list`: one page (spec 8.7); public when no namespace is named. */
  async list(query: ListQuery, options: CallOptions = {}): Promise<ListedPage> {
    const { namespace, ...rest } = query;
    const reply = await this.#post("list", JSON.stringify(rest), namespace, options, MAX_LIST_REPLY_BYTES);
    // Nothing was ever stored under this name there (spec 8.7: 404 unknown namespace).
    if (reply.status === 404 && namespace !== undefined) return { records: [], next: undefined };
    return readListPage(reply, query.limit);
  }

  /** `GET /retrieve/{cid}` of a public record; undefined when the miner has none. */
  async retrieve(cid: string, options: CallOptions = {}): Promise<ListedRecord | undefined> {
    const limits = { ...this.#limits(options, MAX_SMALL_REPLY_BYTES), carriesTrace: true };
    const reply = await this.#http.get(this.#recordUrl(cid), limits);
    if (reply.status === 404) return undefined;
    return recordOf(objectOf(reply));
  }

  /** `POST /QuerySynapse` by vector or by text (spec 8.2); in the public space when no namespace is named. */
  async query(
    query: { readonly vector: Float32Array } | { readonly text: string },
    limit: number,
    options: CallOptions & { readonly namespace?: string } = {},
  ): Promise<readonly QueryAnswer[]> {
    const what = "vector" in query ? { query_vector: [...query.vector] } : { query_text: query.text };
    const body = JSON.stringify({ ...what, top_k: limit });
    const answer = objectOf(await this.#post("QuerySynapse", body, options.namespace, options, MAX_LIST_REPLY_BYTES));
    const [error, results] = [answer.get("error"), answer.get("results")];
    if (typeof error === "string") throw senseless("an error to a query");
    if (!isSubnetArray(results)) throw senseless("an answer without results");
    return results.slice(0, limit).map((result) => recordOf(result));
  }

  /** `POST /ChallengeSynapse` for the proof of spec 3, bound to this client's hotkey; undefined for a 404. */
  async challenge(
    cid: string,
    { nonceHex, expiresAt, keyHex }: { readonly nonceHex: string; readonly expiresAt: number; readonly keyHex: string },
    options: CallOptions = {},
  ): Promise<StorageProof | undefined> {
    const fields = { cid, nonce_hex: nonceHex, expires_at: expiresAt, validator_hotkey_hex: keyHex };
    const reply = await this.#post(
      "ChallengeSynapse",
      JSON.stringify(fields),
      undefined,
      options,
      MAX_SMALL_REPLY_BYTES,
    );
    if (reply.status === 404) return undefined;
    const proof = proofSchema.safeParse(Object.fromEntries(objectOf(reply)));
    if (!proof.success) throw senseless("a challenge without a proof");
    return proof.data;
  }

  /** Challenges with `proof2` (design: capabilities), up to 64 records at a time. Errors: those of `PossessionCaller`. */
  possession(
    caller: PossessionCaller,
    records: readonly HeldRecord[],
    { signal, deadlineMs = this.#deadlineMs }: CallOptions & { readonly signal: AbortSignal },
  ): Promise<readonly PossessionVerdict[]> {
    return caller.challenge(this.#http, this.miner, records, { deadlineMs, signal });
  }

  /** `POST /prove-memory` (spec 8.14): the reply's JSON; undefined for a 404. */
  async proveMemory(cid: string, embeddingHash: string, options: CallOptions = {}): Promise<unknown> {
    const body = JSON.stringify({ cid, embedding_hash: embeddingHash });
    const reply = await this.#post("prove-memory", body, undefined, options, MAX_SMALL_REPLY_BYTES);
    return reply.status === 404 ? undefined : toPlain(objectOf(reply));
  }

  #post(
    endpoint: string,
    bodyText: string,
    namespace: string | undefined,
    options: CallOptions,
    maxBytes: number,
  ): Promise<HttpReply> {
    const body = namespace === undefined ? bodyText : withFields(bodyText, this.#signer.namespaceFields(namespace));
    const url = `${this.miner.url}/${endpoint}`;
    // Private records must not be joined by a trace; nor proofs, which name records of any kind (docs/privacy.md).
    const carriesTrace = namespace === undefined && OPEN_ENDPOINTS.has(endpoint);
    const limits = { ...this.#limits(options, maxBytes), carriesTrace };
    return this.#http.postJson(url, this.#signer.signBody(body, endpoint), limits);
  }

  #recordUrl(cid: string): string {
    return `${this.miner.url}/retrieve/${encodeURIComponent(cid)}`;
  }

  #limits({ signal, deadlineMs = this.#deadlineMs }: CallOptions, maxBytes: number) {
    return { deadlineMs, maxBytes, ...(signal ? { signal } : {}) };
  }
}

/** The `error` text of a reply, if it has one. */
export function errorOf(reply: HttpReply): string | undefined {
  const answer = parsed(reply);
  const error = errorSchema.safeParse(isSubnetObject(answer) ? Object.fromEntries(answer) : undefined);
  return error.success ? error.data.error : undefined;
}

/** The reply's JSON object, or undefined. */
export function parsed(reply: HttpReply): SubnetObject | undefined {
  try {
    const document = readSubnetJson(reply.text);
    return isSubnetObject(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

/** A page of a list, as its reply tells it. Throws `MINER_ANSWER`. */
export function readListPage(reply: HttpReply, limit: number): ListedPage {
  const answer = objectOf(reply);
  const [records, next] = [answer.get("records"), answer.get("next")];
  if (!isSubnetArray(records)) throw senseless("a list without records");
  return {
    records: records.slice(0, limit).map((record) => recordOf(record)),
    next: typeof next === "string" && next.length <= 200 ? next : undefined,
  };
}

/** Splices fields into an object's text: what was built once stays as it is (M-W37). */
function withFields(bodyText: string, fields: Readonly<Record<string, string | number>>): string {
  return `${bodyText.slice(0, -1)},${JSON.stringify(fields).slice(1)}`;
}

function objectOf(reply: HttpReply): SubnetObject {
  const answer = parsed(reply);
  if (reply.status !== 200 || !answer) throw senseless(`status ${reply.status}`);
  return answer;
}

function recordOf(value: unknown): ListedRecord {
  const record = value instanceof Map ? (value as SubnetObject) : undefined;
  const [cid, metadata] = [record?.get("cid"), record?.get("metadata")];
  if (typeof cid !== "string" || cid.length > 200) throw senseless("a record without a CID");
  return { cid, metadata: isSubnetObject(metadata) ? metadata : new Map() };
}

function senseless(what: string): EngramError {
  return new EngramError("MINER_ANSWER", `the miner answered with ${what}`, {
    fix: "ask the miner's operator, or leave it out of ENGRAM_MINERS",
  });
}
