import { constants, createHash, createPublicKey, verify } from "node:crypto";
import type Arweave from "arweave";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { Archive, ArchiveTag, SignedUpload, UploadState } from "../ports.ts";
import type { Secret } from "../runtime/secret.ts";
import type { ArchiveKey } from "./archive-key.ts";
import { GatewayClient } from "./gateway-client.ts";

/** What public gateways and the reference use. */
export const DEFAULT_ARWEAVE_GATEWAY = "https://arweave.net";

const text = z.string().max(2_000);
/** A transaction without its data, as gateways show it. */
const headerSchema = z.object({
  format: z.literal(2),
  id: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  last_tx: text,
  owner: text,
  tags: z.array(z.object({ name: z.string().max(4_096), value: z.string().max(4_096) })).max(128),
  target: text,
  quantity: text,
  data_size: z.string().regex(/^\d{1,15}$/),
  data_root: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  reward: z.string().regex(/^\d{1,16}$/),
  signature: text,
});

interface ArweaveArchiveOptions {
  readonly gateway: string;
  readonly key: Secret<ArchiveKey>;
}

/** Arweave through one gateway: transactions of format 2, made, signed and checked here. */
export class ArweaveArchive implements Archive {
  readonly address: string;
  readonly #arweave: Arweave;
  readonly #gateway: GatewayClient;
  readonly #key: Secret<ArchiveKey>;

  private constructor(options: ArweaveArchiveOptions, arweave: Arweave, address: string) {
    this.#arweave = arweave;
    this.#gateway = new GatewayClient(options.gateway);
    this.#key = options.key;
    this.address = address;
  }

  /** The library is loaded here: nothing else needs it. */
  static async open(options: ArweaveArchiveOptions): Promise<ArweaveArchive> {
    const { default: Library } = await import("arweave");
    const arweave = Library.init({});
    return new ArweaveArchive(options, arweave, await arweave.wallets.jwkToAddress(options.key.reveal()));
  }

  async price(bytes: number, signal?: AbortSignal): Promise<number> {
    return await this.#gateway.price(bytes, signal);
  }

  async sign(
    data: Uint8Array,
    options: { readonly tags: readonly ArchiveTag[]; readonly maxWinston: number; readonly signal?: AbortSignal },
  ): Promise<SignedUpload> {
    const winston = await this.price(data.byteLength, options.signal);
    if (winston > options.maxWinston) {
      throw new EngramError("ARCHIVE_TOO_DEAR", `the upload costs ${winston} winston, more than was agreed`, {
        fix: "archive it again to be asked for the new price",
        retryAfterMs: 3_600_000,
      });
    }
    const anchor = await this.#gateway.anchor(options.signal);
    const key = this.#key.reveal();
    const transaction = await this.#arweave.createTransaction({ data, last_tx: anchor, reward: String(winston) }, key);
    for (const { name, value } of options.tags) transaction.addTag(name, value);
    await this.#arweave.transactions.sign(transaction, key);
    const header = JSON.stringify({ ...transaction.toJSON(), data: "" });
    return { transactionId: transaction.id, header, winston };
  }

  async send({ header }: Pick<SignedUpload, "header">, data: Uint8Array, signal?: AbortSignal): Promise<void> {
    const fields = headerSchema.parse(JSON.parse(header));
    const transaction = this.#arweave.transactions.fromRaw(fields);
    await transaction.prepareChunks(data);
    if (transaction.data_root !== fields.data_root) throw mangled("the bytes kept for the upload are damaged");
    await this.#gateway.postTransaction(header, signal);
    for (const index of (transaction.chunks?.chunks ?? []).keys()) {
      await this.#gateway.postChunk(transaction.getChunk(index, data), signal);
    }
  }

  async state(transactionId: string, signal?: AbortSignal): Promise<UploadState> {
    return await this.#gateway.state(transactionId, signal);
  }

  async fetch(
    transactionId: string,
    { maxBytes, signal }: { readonly maxBytes: number; readonly signal?: AbortSignal },
  ): Promise<Buffer> {
    const root = await this.#dataRoot(transactionId, signal);
    const bytes = await this.#gateway.data(transactionId, maxBytes, signal);
    const found = this.#arweave.transactions.fromRaw({});
    await found.prepareChunks(bytes);
    if (found.data_root === root) return bytes;
    throw mangled("the gateway shows other bytes than the transaction was signed for");
  }

  urlOf(transactionId: string): string {
    return this.#gateway.urlOf(transactionId);
  }

  /** The id is the hash of the signature, and the signature covers the root of the data: nobody can exchange either. */
  async #dataRoot(transactionId: string, signal?: AbortSignal): Promise<string> {
    const parsed = headerSchema.safeParse(await this.#gateway.header(transactionId, signal));
    if (!parsed.success || parsed.data.id !== transactionId) throw mangled("the gateway shows no such transaction");
    const transaction = this.#arweave.transactions.fromRaw(parsed.data);
    if (isSigned(parsed.data, await transaction.getSignatureData())) return parsed.data.data_root;
    throw mangled("the gateway shows a transaction whose signature is wrong");
  }
}

/** The library's own check prints what it dislikes. */
function isSigned({ id, owner, signature }: z.output<typeof headerSchema>, signed: Uint8Array): boolean {
  const bytes = Buffer.from(signature, "base64url");
  if (createHash("sha256").update(bytes).digest("base64url") !== id) return false;
  try {
    const key = createPublicKey({ key: { kty: "RSA", n: owner, e: "AQAB" }, format: "jwk" });
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return verify("sha256", signed, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_AUTO }, bytes);
  } catch {
    return false;
  }
}

function mangled(why: string): EngramError {
  return new EngramError("ARCHIVE_MANGLED", why, {
    fix: "use another gateway in ARWEAVE_GATEWAY_URL: the archived bytes themselves cannot change",
  });
}
