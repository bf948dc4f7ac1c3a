import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
import { inferenceV2, memoryV2, rankingV1, rankingV2 } from "../payload/schemas.ts";
import { receiptSchema } from "../receipt.ts";
import { checkpointSchema, successionSchema } from "../signed-statement.ts";
import { cosignatureBody } from "./cosignature-desk.ts";
import { feedFilters, pageFilters } from "./feed.ts";
import type { Scope } from "./readers.ts";
import { webhookBody } from "./webhook-routes.ts";

/** A route of a gateway, for its document. */
interface RouteText {
  readonly method: "get" | "post" | "delete";
  readonly path: string;
  readonly summary: string;
  /** Any of them lets a reader in; none for everybody. */
  readonly scopes: readonly Scope[];
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly reply?: z.ZodType;
  readonly statuses: readonly number[];
}

const accepted = z.object({ status: z.string(), signed_hash: z.string(), receipt: receiptSchema.nullable() });
const FEED = "/v1/external-intelligence";

export const GATEWAY_ROUTES: readonly RouteText[] = [
  {
    method: "post",
    path: "/relay",
    summary: "Submit a signed output; 200 and 201 carry its receipt, 402 the price in both versions of x402",
    scopes: [],
    body: z.union([rankingV1, rankingV2, memoryV2, inferenceV2]),
    reply: accepted,
    statuses: [200, 201, 202, 400, 401, 402, 403, 409, 413, 422, 425],
  },
  {
    method: "get",
    path: "/relay/{signed_hash}",
    summary: "What is known of a submission; its text for the scope feed",
    scopes: [],
    statuses: [200, 401, 404],
  },
  {
    method: "post",
    path: "/relay/{signed_hash}/cosign",
    summary: "Add one validator's co-signature to what is known; 202 while it still waits for more, or for its payment",
    scopes: [],
    body: cosignatureBody,
    reply: accepted,
    statuses: [200, 201, 202, 400, 401, 403, 404, 409, 413, 422, 425],
  },
  {
    method: "get",
    path: FEED,
    summary: "Accepted items; their content is untrusted",
    scopes: ["feed"],
    query: feedFilters,
    statuses: [200, 400, 401, 403],
  },
  {
    method: "get",
    path: `${FEED}/stream`,
    summary: "The same as server-sent events; Last-Event-ID resumes",
    scopes: ["feed"],
    query: feedFilters,
    statuses: [200, 400, 401, 403],
  },
  {
    method: "get",
    path: "/v1/receipts",
    summary: "The chain of receipts",
    scopes: ["receipts"],
    query: pageFilters,
    reply: z.object({ receipts: z.array(receiptSchema), next: z.int() }),
    statuses: [200, 400, 401, 403],
  },
  {
    method: "get",
    path: "/v1/checkpoint",
    summary: "Where the chain of receipts stands, signed",
    scopes: ["feed", "receipts"],
    reply: checkpointSchema,
    statuses: [200, 401, 403],
  },
  {
    method: "get",
    path: "/v1/successions",
    summary: "Who signs the receipts from which number on",
    scopes: ["feed", "receipts"],
    reply: z.object({ successions: z.array(successionSchema) }),
    statuses: [200, 401, 403],
  },
  {
    method: "get",
    path: "/v1/conflicts",
    summary: "Second rankings of a round, whole, as evidence",
    scopes: ["receipts"],
    query: pageFilters,
    statuses: [200, 400, 401, 403],
  },
  {
    method: "post",
    path: "/v1/webhooks",
    summary: "Have accepted items pushed to a URL, signed; the secret is in this answer alone",
    scopes: ["feed"],
    body: webhookBody,
    reply: z.object({ id: z.string(), secret: z.string() }),
    statuses: [201, 400, 401, 403, 409],
  },
  {
    method: "get",
    path: "/v1/webhooks",
    summary: "The reader's own webhooks, and how they fare",
    scopes: ["feed"],
    statuses: [200, 401, 403],
  },
  {
    method: "delete",
    path: "/v1/webhooks/{id}",
    summary: "End a webhook",
    scopes: ["feed"],
    statuses: [200, 401, 403, 404],
  },
  { method: "get", path: "/v1/gateway", summary: "Hotkey, chain, price, limits", scopes: [], statuses: [200] },
  { method: "get", path: "/health", summary: "Whether it serves", scopes: [], statuses: [200] },
  { method: "get", path: "/openapi.json", summary: "This document", scopes: [], statuses: [200] },
];

/** Any route may also answer these. */
const ALWAYS = [429, 503] as const;

/** The OpenAPI document of the gateway at `url`, from the schemas that read and write what goes over the wire. */
export function gatewayOpenApi(url: string): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of GATEWAY_ROUTES) {
    paths[route.path] = { ...paths[route.path], [route.method]: operation(route) };
  }
  return createDocument(
    {
      openapi: "3.1.0",
      info: { title: "Engram gateway", version: "1", license: { name: "MIT", identifier: "MIT" } },
      servers: [{ url }],
      paths: paths as ZodOpenApiPathsObject,
      components: {
        securitySchemes: { reader: { type: "http", scheme: "bearer", description: "a reader's token, with scopes" } },
      },
    },
    { allowEmptySchema: { custom: true, unknown: true, transform: true, pipe: true } },
  );
}

function operation({ path, summary, scopes, query, body, reply, statuses }: RouteText): ZodOpenApiOperationObject {
  const variable = /\{(\w+)\}/.exec(path)?.[1];
  const params = {
    ...(variable === undefined ? {} : { path: z.object({ [variable]: z.string() }) }),
    ...(query ? { query } : {}),
  };
  const content = reply ? { content: { "application/json": { schema: reply } } } : {};
  return {
    summary,
    ...(Object.keys(params).length === 0 ? {} : { requestParams: params }),
    ...(body ? { requestBody: { content: { "application/json": { schema: body } } } } : {}),
    ...(scopes.length === 0 ? {} : { description: `Scope ${scopes.join(" or ")}`, security: [{ reader: [] }, {}] }),
    responses: Object.fromEntries(
      [...statuses, ...ALWAYS].map((status) => [
        String(status),
        { description: status < 300 ? "Done" : "See docs/relay.md", ...(status < 202 ? content : {}) },
      ]),
    ),
  };
}
