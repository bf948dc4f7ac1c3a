import type { Metadata, ServiceError } from "@grpc/grpc-js";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { statusOfRefusal } from "../gateway/refusal.ts";
import type { SubmissionReply } from "./submission-transport.ts";

/** gRPC's numbers, so that what is only read here loads no library. */
const CODE = { cancelled: 1, deadline: 4, exists: 6, unavailable: 14 } as const;

/** What each code of gRPC comes to where no word says it better; whatever is not here is tried again (spec 14.0). */
const HTTP_OF_CODE: Readonly<Record<number, number>> = {
  3: 400, // INVALID_ARGUMENT
  16: 401, // UNAUTHENTICATED
  7: 403, // PERMISSION_DENIED
  5: 404, // NOT_FOUND
  12: 404, // UNIMPLEMENTED
  11: 422, // OUT_OF_RANGE
  9: 425, // FAILED_PRECONDITION
  8: 429, // RESOURCE_EXHAUSTED
};

const STATUS = {
  ACCEPTED: [201, "accepted"],
  DUPLICATE: [200, "duplicate"],
  PENDING_QUORUM: [202, "pending_quorum"],
  PENDING_CHAIN: [202, "pending_chain"],
} as const;

const submitReply = z.object({
  status: z.enum(["ACCEPTED", "DUPLICATE", "PENDING_QUORUM", "PENDING_CHAIN"]).catch("DUPLICATE"),
  receipt: z.string().catch(""),
  received_at_ms: z.int().positive().optional().catch(undefined),
  retry_after_seconds: z.int().positive().optional().catch(undefined),
});

/** A `SubmitReply` as the answer to `POST /relay`. A status it does not name is worth what its receipt is. */
export function answered(value: unknown, elapsedMs: number): SubmissionReply {
  const { status, receipt, received_at_ms, retry_after_seconds } = submitReply.parse(value);
  const [http, word] = STATUS[status];
  const headers = new Headers();
  if (retry_after_seconds !== undefined) headers.set("retry-after", `${retry_after_seconds}`);
  const text = JSON.stringify({ status: word, receipt: parsed(receipt), received_at_ms });
  return { status: http, text, headers, elapsedMs };
}

/**
 * A refusal as the answer to `POST /relay`: the word in its trailer counts, else its code. `ALREADY_EXISTS` without a
 * word of conflict says that it was accepted, which only a receipt shows.
 *
 * Errors: `GRPC_TIMEOUT`, `GRPC_UNREACHABLE`, where nobody refused anything.
 */
export function refused(error: ServiceError, elapsedMs: number): SubmissionReply {
  const { code } = error;
  const metadata: Metadata | undefined = error.metadata;
  const word = textOf(metadata, "engram-error");
  const status = word === "payment_required" ? 402 : statusOfRefusal(word);
  const retryAfter = /^[0-9]{1,6}$/.exec(textOf(metadata, "retry-after"))?.[0];
  const headers = new Headers(retryAfter === undefined ? {} : { "retry-after": retryAfter });
  if (status !== undefined) return { status, text: JSON.stringify({ error: word }), headers, elapsedMs };
  if (code === CODE.exists) {
    const receipt = parsed(textOf(metadata, "engram-receipt-bin"));
    return { status: 200, text: JSON.stringify({ status: "duplicate", receipt }), headers, elapsedMs };
  }
  // Who gave the call up itself asks nobody: so ends one whose connection was closed.
  if (code === CODE.deadline || code === CODE.unavailable || code === CODE.cancelled) {
    const late = code === CODE.deadline;
    throw new EngramError(
      late ? "GRPC_TIMEOUT" : "GRPC_UNREACHABLE",
      late ? "the endpoint did not answer in time" : "the endpoint could not be reached",
      {
        fix: "check that it runs and that XERIS_RELAY_URL is its address",
        cause: error,
        ...(retryAfter === undefined ? {} : { retryAfterMs: Math.min(Number(retryAfter), 300) * 1_000 }),
      },
    );
  }
  return {
    status: HTTP_OF_CODE[code] ?? 500,
    text: JSON.stringify({ error: `grpc_${wordOf(code)}` }),
    headers,
    elapsedMs,
  };
}

const WORDS = [
  ["ok", "cancelled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists"],
  ["permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented"],
  ["internal", "unavailable", "data_loss", "unauthenticated"],
].flat();

function wordOf(code: number): string {
  return WORDS[code] ?? "unknown";
}

function textOf(metadata: Metadata | undefined, name: string): string {
  const [value = ""] = metadata?.get(name) ?? [];
  return value.toString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
