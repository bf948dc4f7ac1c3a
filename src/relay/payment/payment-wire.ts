import { getAddress } from "viem";
import { z } from "zod";
import type { Hex } from "./payment-types.ts";

/** Headers of x402: version 2 without, version 1 with `x-`. */
export const HEADERS = {
  required: "payment-required",
  payment: { 1: "x-payment", 2: "payment-signature" },
  response: { 1: "x-payment-response", 2: "payment-response" },
} as const;

/** A payment takes about a kilobyte; whatever is far larger is not read. */
const MAX_HEADER_CHARS = 8_192;

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform((text) => getAddress(text.toLowerCase()));
/** Whole numbers as text. Fifteen digits are a thousand million dollars, and exact in a number. */
const decimal = z
  .string()
  .regex(/^(0|[1-9]\d{0,14})$/)
  .transform(Number);
const bytes32 = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/)
  .transform((text) => text.toLowerCase() as Hex);
const signature = z
  .string()
  .regex(/^0x[0-9a-fA-F]{130}$/)
  .transform((text) => text.toLowerCase() as Hex);

const exactPayload = z.object({
  signature,
  authorization: z.object({
    from: address,
    to: address,
    value: decimal,
    validAfter: decimal,
    validBefore: decimal,
    nonce: bytes32,
  }),
});

const domain = z.looseObject({ name: z.string().max(64), version: z.string().max(16) });
const timeout = z.int().min(1).max(86_400);

const requirementsV2 = z.object({
  scheme: z.literal("exact"),
  network: z.string().max(64),
  asset: address,
  amount: decimal,
  payTo: address,
  maxTimeoutSeconds: timeout,
  extra: domain,
});

const requirementsV1 = z
  .object({
    scheme: z.literal("exact"),
    network: z.string().max(64),
    asset: address,
    maxAmountRequired: decimal,
    payTo: address,
    maxTimeoutSeconds: timeout,
  })
  .transform(({ maxAmountRequired, ...rest }) => ({ ...rest, amount: maxAmountRequired }));

const paymentV2 = z.object({ x402Version: z.literal(2), accepted: requirementsV2, payload: exactPayload });
const paymentV1 = z.object({
  x402Version: z.literal(1),
  scheme: z.literal("exact"),
  network: z.string().max(64),
  payload: exactPayload,
});

const challengeV2 = z.object({
  x402Version: z.literal(2),
  accepts: z.array(z.unknown()).max(32),
  resource: z
    .object({ url: z.string().max(4_096) })
    .optional()
    .catch(undefined),
});
const challengeV1 = z.object({ x402Version: z.literal(1), accepts: z.array(z.unknown()).max(32) });
const namedResource = z.object({ resource: z.string().max(4_096) });
const responseBody = z.object({ success: z.boolean(), transaction: bytes32 });

type PaymentV2 = z.output<typeof paymentV2>;
type PaymentV1 = z.output<typeof paymentV1>;
/** One way to pay, of either version. */
export type Requirements = z.output<typeof requirementsV1>;

/** A payment as it came: what it says, and the very object, which facilitators get unchanged. */
export type ParsedPayment =
  | { readonly version: 1; readonly raw: Record<string, unknown>; readonly payment: PaymentV1 }
  | { readonly version: 2; readonly raw: Record<string, unknown>; readonly payment: PaymentV2 };

/** Parses a payment header of `version`; `undefined` when it is none. */
export function parsePayment(version: 1 | 2, header: string): ParsedPayment | undefined {
  const raw = decodeHeader(header);
  if (raw === undefined) return undefined;
  if (version === 1) {
    const { data } = paymentV1.safeParse(raw);
    return data && { version, raw, payment: data };
  }
  const { data } = paymentV2.safeParse(raw);
  return data && { version, raw, payment: data };
}

/** The ways to pay that a 402 offers and this product understands, and the version to answer in. */
export function parseChallenge(
  headers: { get(name: string): string | null },
  body: unknown,
):
  | {
      readonly version: 1 | 2;
      readonly raw: readonly unknown[];
      readonly accepts: readonly (Requirements | undefined)[];
      /** What it says is paid for. */
      readonly resources: readonly string[];
    }
  | undefined {
  const header = headers.get(HEADERS.required);
  const second = challengeV2.safeParse(header === null ? undefined : decodeHeader(header));
  if (second.success) {
    const { accepts: raw, resource } = second.data;
    const resources = resource === undefined ? [] : [resource.url];
    return { version: 2, raw, accepts: raw.map((entry) => requirementsV2.safeParse(entry).data), resources };
  }
  const first = challengeV1.safeParse(body);
  if (!first.success) return undefined;
  const { accepts: raw } = first.data;
  const resources = raw.flatMap((entry) => namedResource.safeParse(entry).data?.resource ?? []);
  return { version: 1, raw, accepts: raw.map((entry) => requirementsV1.safeParse(entry).data), resources };
}

/** The transaction that a gateway's answer names, if it says that the payment was settled. */
export function parseSettlement(headers: { get(name: string): string | null }): Hex | undefined {
  const header = headers.get(HEADERS.response[2]) ?? headers.get(HEADERS.response[1]);
  const { data } = responseBody.safeParse(header === null ? undefined : decodeHeader(header));
  return data?.success ? data.transaction : undefined;
}

/** JSON in base64, as every header of x402 is. */
export function encodeHeader(value: unknown): string {
  return Buffer.from(JSON.stringify(value), "utf8").toString("base64");
}

/** The object in such a header; undefined when it holds none. */
export function decodeHeader(header: string): Record<string, unknown> | undefined {
  if (header.length > MAX_HEADER_CHARS) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(header, "base64").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
