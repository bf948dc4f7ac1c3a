import { afterAll, beforeAll, expect, test } from "vitest";
import { GATEWAY_ROUTES } from "../../../src/relay/gateway/gateway-openapi.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { GatewayKit, get } from "./gateway-kit.ts";

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: object }>>>>;
}

let kit: GatewayKit;
let gateway: RunningGateway;
beforeAll(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start();
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

test("the document names every route with what it may answer, and each of them is served", async () => {
  const { openapi, paths } = await get<Document>(gateway, "/openapi.json");
  expect(openapi).toBe("3.1.0");
  for (const { method, path, statuses } of GATEWAY_ROUTES) {
    expect(Object.keys(paths[path]?.[method]?.responses ?? {})).toEqual(
      expect.arrayContaining(statuses.map((status) => `${status}`)),
    );
    const url = gateway.url + path.replace("{signed_hash}", "00".repeat(32));
    const reply = await fetch(url, { method, ...(method === "post" ? { body: "{}" } : {}) });
    expect([path, statuses.includes(reply.status)]).toEqual([path, true]);
    if (path === "/relay/{signed_hash}") expect(await reply.json()).toMatchObject({ error: "unknown_submission" });
    else expect(reply.status).not.toBe(404);
    await reply.body?.cancel().catch(() => undefined);
  }
  expect(JSON.stringify(paths["/relay"])).toContain("prev_receipt_hash");
});
