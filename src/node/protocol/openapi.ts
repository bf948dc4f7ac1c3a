import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
import { ROUTES, type RouteText } from "./openapi-routes.ts";

/** Any route may also answer these. */
const ALWAYS = [429, 503] as const;

/** What a signed body carries beside the route's own fields (spec 5). */
const signature = z.object({
  hotkey: z.string().optional().meta({ description: "SS58 address of prefix 42" }),
  nonce: z.int().optional().meta({ description: "unix time in milliseconds, within 30 s of the miner's clock" }),
  signature: z.string().optional().meta({ description: "64 bytes in hex: sr25519 over nonce:endpoint:body hash" }),
});

/**
 * The OpenAPI document of a miner with these capabilities, from the schemas that read its requests. `url` is where it is
 * reached.
 */
export function openApiDocument(url: string, caps: readonly string[]): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of ROUTES.filter(({ capability }) => capability === undefined || caps.includes(capability))) {
    paths[route.path] = { ...paths[route.path], [route.method]: operation(route) };
  }
  return createDocument(
    {
      openapi: "3.1.0",
      info: { title: "Engram miner", version: "1", license: { name: "MIT", identifier: "MIT" } },
      servers: [{ url }],
      paths: paths as ZodOpenApiPathsObject,
      components: {
        securitySchemes: {
          auth2: { type: "apiKey", in: "header", name: "X-Bittensor-Signature", description: "btauth/1 headers" },
          admin: { type: "http", scheme: "bearer", description: "the operator's token, or their own listener" },
        },
      },
    },
    // Fields that take whatever is sent, as the reference's do.
    { allowEmptySchema: { custom: true, unknown: true, transform: true, pipe: true } },
  );
}

function operation({ path, access, summary, clause, body, statuses }: RouteText): ZodOpenApiOperationObject {
  const variable = /\{(\w+)\}/.exec(path)?.[1];
  const schema = access === "signed" && body ? z.intersection(body, signature) : body;
  return {
    summary,
    description: clause,
    ...(variable === undefined ? {} : { requestParams: { path: z.object({ [variable]: z.string() }) } }),
    ...(schema ? { requestBody: { content: { "application/json": { schema } } } } : {}),
    ...(access === "auth2" || access === "admin" ? { security: [{ [access]: [] }] } : {}),
    responses: Object.fromEntries(
      [...statuses, ...ALWAYS].map((status) => [String(status), { description: DESCRIPTIONS[status] ?? "" }]),
    ),
  };
}

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  200: "Done; or, with a non-null `error`, refused (ingest and query)",
  400: "Malformed; `error` says what to send",
  401: "The signature is missing, wrong, too old or used already",
  403: "Not for this caller",
  404: "Not here, or not shown to this caller",
  409: "Something newer is held here",
  413: "The body is too large",
  429: "Too many requests; see Retry-After",
  503: "Busy; see Retry-After",
};
