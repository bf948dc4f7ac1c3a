import type { SettleResponse, SupportedResponse } from "@x402/core/types";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { HttpClient, HttpReply } from "../../node/runtime/http-client.ts";
import type { Secret } from "../../node/runtime/secret.ts";
import type { PaymentFacilitator } from "./payment-facilitator.ts";

export interface RemoteFacilitatorOptions {
  readonly url: string;
  /** The value of the Authorization header. */
  readonly auth?: Secret<string> | undefined;
  readonly timeoutMs?: number;
}

/** Less than the gate waits for a settlement, so that its deadline is the one that is told. */
const TIMEOUT_MS = 15_000;
const MAX_REPLY_BYTES = 65_536;

const text = z.string().max(MAX_REPLY_BYTES);
const settlement = z.object({
  success: z.boolean(),
  transaction: text.default(""),
  network: text.default(""),
  errorReason: text.optional().catch(undefined),
});
const supported = z.object({
  kinds: z.array(z.looseObject({ x402Version: z.int(), scheme: text, network: text })).max(1_000),
});

/**
 * A facilitator behind HTTP: `GET /supported` and `POST /settle`, as x402 has them. No redirect is followed: a payment
 * goes to whom the operator named alone. Errors: `FACILITATOR_UNREACHABLE`, `FACILITATOR_UNINTELLIGIBLE`; none quotes it.
 */
export function remoteFacilitator(options: RemoteFacilitatorOptions, http: HttpClient): PaymentFacilitator {
  const base = options.url.replace(/\/+$/, "");
  const call = () => ({
    deadlineMs: options.timeoutMs ?? TIMEOUT_MS,
    maxBytes: MAX_REPLY_BYTES,
    headers: options.auth === undefined ? {} : { authorization: options.auth.reveal() },
  });
  return {
    settle: async (paymentPayload, paymentRequirements) => {
      const { x402Version } = z.looseObject({ x402Version: z.int() }).parse(paymentPayload);
      const body = JSON.stringify({ x402Version, paymentPayload, paymentRequirements });
      const reply = await reached(() => http.postJson(`${base}/settle`, body, call()));
      // Some answer a refusal with 4xx and the same form; whatever else they say leaves the outcome open.
      const said = settlement.safeParse(parsed(reply));
      if (said.success && (reply.status === 200 || !said.data.success)) return said.data as SettleResponse;
      throw unintelligible(reply);
    },
    getSupported: async () => {
      const reply = await reached(() => http.get(`${base}/supported`, call()));
      const said = supported.safeParse(parsed(reply));
      if (said.success && reply.status === 200) return said.data as Pick<SupportedResponse, "kinds">;
      throw unintelligible(reply);
    },
  };
}

async function reached(ask: () => Promise<HttpReply>): Promise<HttpReply> {
  try {
    return await ask();
  } catch (cause) {
    throw new EngramError("FACILITATOR_UNREACHABLE", "the payment facilitator does not answer", {
      fix: "check ENGRAM_FACILITATOR_URL",
      retryAfterMs: 5_000,
      cause,
    });
  }
}

function parsed({ text: body }: HttpReply): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

function unintelligible({ status }: HttpReply): EngramError {
  return new EngramError(
    "FACILITATOR_UNINTELLIGIBLE",
    `the payment facilitator answers ${status}, and not as x402 says`,
    {
      fix: "check ENGRAM_FACILITATOR_URL and ENGRAM_FACILITATOR_AUTH",
    },
  );
}
