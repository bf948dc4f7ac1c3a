import { z } from "zod";
import { isEngramError } from "../../crypto/errors.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Auth2Caller, Auth2Peer } from "../../node/protocol/auth2-caller.ts";
import type { HttpClient } from "../../node/runtime/http-client.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { readPayload } from "../payload/read-payload.ts";
import { cosignature } from "../payload/schemas.ts";
import type { Cosignature } from "../payload/types.ts";
import { verifyCosignature } from "../payload/verify-payload.ts";
import { COSIGN_PATH } from "./routes.ts";

const DEADLINE_MS = 10_000;
const MAX_REPLY_BYTES = 4_096;
const MAX_PEERS = 64;

const reply = z.looseObject(cosignature.shape);

export interface CosignCollector {
  readonly caller: Auth2Caller;
  readonly http: HttpClient;
  readonly sr25519: Sr25519;
  readonly log: Logger;
}

/** Asks `peers` at once; who refuses or does not answer is left out. Every signature that comes back was verified. */
export async function collectCosignatures(
  { caller, http, sr25519, log }: CosignCollector,
  body: string,
  peers: readonly Auth2Peer[],
  signal: AbortSignal,
): Promise<readonly Cosignature[]> {
  const payload = readPayload(body);
  const others = peers.filter(({ hotkey }) => hotkey !== payload.validatorHotkey).slice(0, MAX_PEERS);
  const limits = { deadlineMs: DEADLINE_MS, maxBytes: MAX_REPLY_BYTES, signal };
  const ask = async (peer: Auth2Peer): Promise<Cosignature | null> => {
    try {
      const { status, text } = await caller.post(http, peer, COSIGN_PATH, `{"payload":${body}}`, limits);
      const parsed = status === 200 ? reply.safeParse(JSON.parse(text)).data : undefined;
      if (!parsed || parsed.validator_hotkey !== peer.hotkey) {
        log.debug({ peer: peer.hotkey, status }, "no co-signature");
        return null;
      }
      const found = { validator_hotkey: parsed.validator_hotkey, signature: parsed.signature };
      return verifyCosignature(sr25519, payload, found) ? found : null;
    } catch (error) {
      signal.throwIfAborted();
      log.debug({ peer: peer.hotkey, code: isEngramError(error) ? error.code : "UNKNOWN" }, "no co-signature");
      return null;
    }
  };
  return (await Promise.all(others.map(ask))).filter((found) => found !== null);
}
