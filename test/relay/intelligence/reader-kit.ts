import { loadSr25519 } from "../../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../../src/crypto/ss58.ts";
import type { Fetch } from "../../../src/node/runtime/http-client.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import { feedItems } from "../../../src/relay/gateway/feed.ts";
import { readSubmission } from "../../../src/relay/gateway/read-submission.ts";
import type { StoredSubmission } from "../../../src/relay/gateway/submission.ts";
import { type IntelligenceReader, isRefused } from "../../../src/relay/intelligence/intelligence-reader.ts";
import { openIntelligence } from "../../../src/relay/intelligence/open-intelligence.ts";
import type { ReaderLimits } from "../../../src/relay/intelligence/reader-limits.ts";
import type { CheckedItem, RefusedItem } from "../../../src/relay/intelligence/types.ts";
import type { Assurance } from "../../../src/relay/payload/types.ts";
import {
  NO_RECEIPT_HASH,
  type QuorumSignature,
  quorumHash,
  type Receipt,
  type ReceiptBody,
  signReceipt,
} from "../../../src/relay/receipt.ts";
import type { GatewayKit, Signer } from "../gateway/gateway-kit.ts";

/** Where readers believe the gateway to be: `fetch` decides who answers. */
export const GATEWAY = "http://gateway.test";
export const FEED = "/v1/external-intelligence";

export interface ReaderOptions {
  readonly hotkey: string;
  readonly fetch: Fetch;
  readonly limits?: Partial<ReaderLimits>;
  readonly environment?: Readonly<Record<string, string>>;
}

export function openReader(
  kit: Pick<GatewayKit, "chain">,
  { hotkey, fetch, limits = {}, environment = {} }: ReaderOptions,
): Promise<IntelligenceReader> {
  const variables = { XERIS_RELAY_URL: GATEWAY, ENGRAM_GATEWAY_HOTKEY: hotkey, ...environment };
  const log = createLogger({ level: "silent" });
  return openIntelligence(variables, { chain: kit.chain, log, limits: { reconnectMs: [5, 20], ...limits }, fetch });
}

/** Sends what is meant for the gateway to where it listens. */
export function sendTo(at: () => string): Fetch {
  return (request) => {
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(at() + pathname + search, request));
  };
}

export const isStream = (request: Request) => new URL(request.url).pathname === `${FEED}/stream`;

/** The numbers of the next items; refused ones with their problem. */
export async function take(items: AsyncGenerator<CheckedItem | RefusedItem, void>, count: number) {
  const found: (number | string)[] = [];
  while (found.length < count) {
    const { value, done } = await items.next();
    if (done) break;
    found.push(isRefused(value) ? value.problem : value.seq);
  }
  return found;
}

/** A reader without secrets of its own. */
const EVERYBODY = { name: null, has: () => true, pseudonym: () => "payer-0" };

/** Changes what a gateway answers on paths that match. */
export function lying(honest: Fetch, path: RegExp, lie: (body: never) => unknown): Fetch {
  return async (request) => {
    const response = await honest(request);
    if (!path.test(new URL(request.url).pathname)) return response;
    return Response.json(lie((await response.json()) as never), { status: response.status });
  };
}

export interface Forgery {
  readonly text: string;
  readonly assurance?: Assurance;
  readonly signatures?: readonly QuorumSignature[];
  readonly have?: number;
  readonly receipt?: Partial<ReceiptBody>;
}

/** A gateway that accepts whatever its owner likes and signs receipts for it. */
export class ForgedGateway {
  readonly signer: Signer;
  readonly #chain: string;
  readonly #rows: StoredSubmission[] = [];

  private constructor(signer: Signer, chain: string) {
    this.signer = signer;
    this.#chain = chain;
  }

  static async open(kit: GatewayKit, byte = 77): Promise<ForgedGateway> {
    const sr25519 = await loadSr25519();
    const pair = sr25519.pairFromSeed(new Uint8Array(32).fill(byte));
    const signer = { hotkey: hotkeyOf(pair.publicKey), sign: (message: Uint8Array) => sr25519.sign(pair, message) };
    return new ForgedGateway(signer, await kit.chain.identity());
  }

  async accept({ text, assurance, signatures, have, receipt = {} }: Forgery): Promise<Receipt> {
    const read = readSubmission(await loadSr25519(), text);
    const last = this.#rows.at(-1)?.receipt;
    const as = assurance ?? read.assurance;
    const signed = signatures ?? read.signatures;
    const made = signReceipt(
      {
        gateway_seq: (last?.gateway_seq ?? 0) + 1,
        prev_receipt_hash: last?.receipt_hash ?? NO_RECEIPT_HASH,
        signed_hash: read.signedHash,
        output_hash: read.outputHash,
        output_type: read.outputType,
        assurance: as,
        qc_hash: as === "quorum" ? quorumHash(read.signedHash, signed) : null,
        accepted_at_block: read.block,
        accepted_at_ms: 1_795_000_000_000,
        chain: this.#chain,
        payment: null,
        ...receipt,
      },
      this.signer,
    );
    this.#rows.push({
      ...read,
      assurance: as,
      signatures: signed,
      state: "accepted",
      votes: as === "quorum" ? { have: have ?? signed.length, need: 3, stake_ppm: 750_000 } : null,
      lateSignatures: [],
      anchored: false,
      receivedAt: made.accepted_at_ms,
      receipt: made,
    });
    return made;
  }

  readonly fetch: Fetch = ({ url }) => {
    const { pathname, searchParams } = new URL(url);
    if (pathname === FEED) {
      const [after, limit] = [Number(searchParams.get("since") ?? 0), Number(searchParams.get("limit"))];
      const rows = this.#rows.filter(({ receipt }) => (receipt?.gateway_seq ?? 0) > after).slice(0, limit);
      return Response.json({ external_intelligence: feedItems(rows, EVERYBODY) });
    }
    if (pathname === "/v1/gateway") return Response.json({ price: null });
    const found = this.#rows.findLast(({ signedHash }) => pathname === `/relay/${signedHash}`);
    if (!found) return Response.json({ error: "unknown_submission" }, { status: 404 });
    return Response.json({ receipt: found.receipt, signatures: found.signatures, submission: found.wire });
  };
}
