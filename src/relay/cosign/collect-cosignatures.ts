import { z } from "zod";
import { isEngramError } from "../../crypto/errors.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { Auth2Caller, Auth2Peer } from "../../node/protocol/auth2-caller.ts";
import type { HttpClient } from "../../node/runtime/http-client.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { inSpan, keptOrigin } from "../../node/runtime/tracing.ts";
import { readPayload } from "../payload/read-payload.ts";
import { cosignature } from "../payload/schemas.ts";
import type { Cosignature } from "../payload/types.ts";
import { verifyCosignature } from "../payload/verify-payload.ts";

const DEADLINE_MS = 10_000;
const MAX_REPLY_BYTES = 4_096;
const MAX_PEERS = 64;

const reply = z.looseObject(cosignature.shape);
const refusal = z.looseObject({ error: z.string().regex(/^[a-z_]{1,40}$/) });
/** Whoever says this, signed, will never sign this payload. */
const NEVER: ReadonlySet<string> = new Set([
  "disagree",
  "round_taken",
  "round_skipped",
  "round_expired",
  "equivocated",
  "no_vote",
  "voters_changed",
  // Of memories: what was refused about the content itself.
  "author_differs",
  "block_forgotten",
  "content_differs",
  "item_count",
  "memory_expired",
  "merkle_root_unchecked",
  "nonce_taken",
  "private_record",
  "tier_differs",
]);

export interface CosignCollector {
  readonly caller: Pick<Auth2Caller, "post">;
  readonly http: HttpClient;
  readonly sr25519: Sr25519;
  readonly log: Logger;
}

/** What came of asking. */
export interface Collected {
  /** Every one was verified. */
  readonly found: readonly Cosignature[];
  /** Who said under its own signature that it will never sign this. */
  readonly lost: readonly Hotkey[];
}

export interface CosignRequest {
  readonly path: string;
  /** The signed payload's text. */
  readonly body: string;
  readonly peers: readonly Auth2Peer[];
  /** 10 s when absent. */
  readonly deadlineMs?: number;
  /** The trace that the payload was queued in. */
  readonly traceparent?: string | null | undefined;
}

type Asked = { readonly found: Cosignature } | { readonly lost: Hotkey } | null;

/** Asks `peers` at once at `path`; who refuses for now or does not answer is in neither list. */
export async function collectCosignatures(
  collector: CosignCollector,
  request: CosignRequest,
  signal: AbortSignal,
): Promise<Collected> {
  const origin = keptOrigin(request.traceparent);
  return await inSpan({ name: "relay.cosign", origin }, () => collect(collector, request, signal));
}

async function collect(
  { caller, http, sr25519, log }: CosignCollector,
  { path, body, peers, deadlineMs = DEADLINE_MS }: CosignRequest,
  signal: AbortSignal,
): Promise<Collected> {
  const payload = readPayload(body);
  const others = peers.filter(({ hotkey }) => hotkey !== payload.validatorHotkey).slice(0, MAX_PEERS);
  const limits = { deadlineMs, maxBytes: MAX_REPLY_BYTES, signal, carriesTrace: true };
  const ask = async (peer: Auth2Peer): Promise<Asked> => {
    try {
      const { status, text, signed } = await caller.post(http, peer, path, `{"payload":${body}}`, limits);
      const parsed = status === 200 ? reply.safeParse(JSON.parse(text)).data : undefined;
      if (parsed?.validator_hotkey === peer.hotkey) {
        const found = { validator_hotkey: parsed.validator_hotkey, signature: parsed.signature };
        return verifyCosignature(sr25519, payload, found) ? { found } : null;
      }
      const why = status === 200 ? undefined : refusal.safeParse(JSON.parse(text)).data?.error;
      log.debug({ peer: peer.hotkey, status, why }, "no co-signature");
      return signed && why !== undefined && NEVER.has(why) ? { lost: peer.hotkey } : null;
    } catch (error) {
      signal.throwIfAborted();
      log.debug({ peer: peer.hotkey, code: isEngramError(error) ? error.code : "UNKNOWN" }, "no co-signature");
      return null;
    }
  };
  const asked = await Promise.all(others.map(ask));
  return {
    found: asked.flatMap((one) => (one && "found" in one ? [one.found] : [])),
    lost: asked.flatMap((one) => (one && "lost" in one ? [one.lost] : [])),
  };
}
