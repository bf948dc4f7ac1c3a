import type Arweave from "arweave";
import { EngramError } from "../../crypto/errors.ts";
import type { Archive, ArchiveTag, SignedUpload, UploadState } from "../ports.ts";
import type { Secret } from "../runtime/secret.ts";
import type { ArchiveKey } from "./archive-key.ts";
import { ArweaveReader, mangled, transactionHeader } from "./arweave-reader.ts";
import { GatewayClient } from "./gateway-client.ts";

interface ArweaveArchiveOptions {
  readonly gateway: string;
  readonly key: Secret<ArchiveKey>;
}

interface Deps {
  readonly arweave: Arweave;
  readonly reader: ArweaveReader;
  readonly gateway: GatewayClient;
  readonly key: Secret<ArchiveKey>;
}

/** Arweave through one gateway: transactions of format 2, made, signed and checked here. */
export class ArweaveArchive implements Archive {
  readonly #deps: Deps;

  private constructor(deps: Deps) {
    this.#deps = deps;
  }

  static async open({ gateway, key }: ArweaveArchiveOptions): Promise<ArweaveArchive> {
    const { default: Library } = await import("arweave");
    const reader = await ArweaveReader.open(gateway);
    return new ArweaveArchive({ arweave: Library.init({}), reader, gateway: new GatewayClient(gateway), key });
  }

  async price(bytes: number, signal?: AbortSignal): Promise<number> {
    return await this.#deps.gateway.price(bytes, signal);
  }

  async sign(
    data: Uint8Array,
    options: { readonly tags: readonly ArchiveTag[]; readonly maxWinston: number; readonly signal?: AbortSignal },
  ): Promise<SignedUpload> {
    const { arweave, gateway } = this.#deps;
    const winston = await gateway.price(data.byteLength, options.signal);
    if (winston > options.maxWinston) {
      throw new EngramError("ARCHIVE_TOO_DEAR", `the upload costs ${winston} winston, more than was agreed`, {
        fix: "archive it again to be asked for the new price",
        retryAfterMs: 3_600_000,
      });
    }
    const anchor = await gateway.anchor(options.signal);
    const key = this.#deps.key.reveal();
    const transaction = await arweave.createTransaction({ data, last_tx: anchor, reward: String(winston) }, key);
    for (const { name, value } of options.tags) transaction.addTag(name, value);
    await arweave.transactions.sign(transaction, key);
    const header = JSON.stringify({ ...transaction.toJSON(), data: "" });
    return { transactionId: transaction.id, header, winston };
  }

  async send({ header }: Pick<SignedUpload, "header">, data: Uint8Array, signal?: AbortSignal): Promise<void> {
    const { arweave, gateway } = this.#deps;
    const fields = transactionHeader.parse(JSON.parse(header));
    const transaction = arweave.transactions.fromRaw(fields);
    await transaction.prepareChunks(data);
    if (transaction.data_root !== fields.data_root) throw mangled("the bytes kept for the upload are damaged");
    await gateway.postTransaction(header, signal);
    for (const index of (transaction.chunks?.chunks ?? []).keys()) {
      await gateway.postChunk(transaction.getChunk(index, data), signal);
    }
  }

  async state(transactionId: string, signal?: AbortSignal): Promise<UploadState> {
    return await this.#deps.reader.state(transactionId, signal);
  }

  async fetch(
    transactionId: string,
    options: { readonly maxBytes: number; readonly signal?: AbortSignal },
  ): Promise<Buffer> {
    return await this.#deps.reader.fetch(transactionId, options);
  }
}
