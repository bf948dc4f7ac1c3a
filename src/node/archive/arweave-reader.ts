import { constants, createHash, createPublicKey, verify } from "node:crypto";
import type Arweave from "arweave";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { UploadState } from "../ports.ts";
import { GatewayClient } from "./gateway-client.ts";

const text = z.string().max(2_000);

/** A transaction of format 2 without its data, as gateways show it. */
export const transactionHeader = z.object({
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

/** Reads what is archived, without a wallet; what a gateway shows is proved before it is believed. */
export class ArweaveReader {
  readonly #arweave: Arweave;
  readonly #gateway: GatewayClient;

  private constructor(arweave: Arweave, gateway: GatewayClient) {
    this.#arweave = arweave;
    this.#gateway = gateway;
  }

  /** The library is loaded here: nothing else needs it. */
  static async open(gateway: string): Promise<ArweaveReader> {
    const { default: Library } = await import("arweave");
    return new ArweaveReader(Library.init({}), new GatewayClient(gateway));
  }

  async state(transactionId: string, signal?: AbortSignal): Promise<UploadState> {
    return await this.#gateway.state(transactionId, signal);
  }

  /** See `Archive`. */
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

  /** The id is the hash of the signature, and the signature covers the root of the data: nobody can exchange either. */
  async #dataRoot(transactionId: string, signal?: AbortSignal): Promise<string> {
    const parsed = transactionHeader.safeParse(await this.#gateway.header(transactionId, signal));
    if (!parsed.success || parsed.data.id !== transactionId) throw mangled("the gateway shows no such transaction");
    const transaction = this.#arweave.transactions.fromRaw(parsed.data);
    if (isSigned(parsed.data, await transaction.getSignatureData())) return parsed.data.data_root;
    throw mangled("the gateway shows a transaction whose signature is wrong");
  }
}

/** The library's own check prints what it dislikes. */
function isSigned({ id, owner, signature }: z.output<typeof transactionHeader>, signed: Uint8Array): boolean {
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

/** What is shown, or kept, is not what was signed for. */
export function mangled(why: string): EngramError {
  return new EngramError("ARCHIVE_MANGLED", why, {
    fix: "use another gateway in ARWEAVE_GATEWAY_URL: the archived bytes themselves cannot change",
  });
}
