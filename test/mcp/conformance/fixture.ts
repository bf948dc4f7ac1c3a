import { randomBytes } from "node:crypto";
import { completable, createRequestStateCodec, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { type McpHttpServer, serveFactoryOverHttp } from "../../../src/mcp/transports/http.ts";
import { registerContentPrompts, registerContentResources, registerContentTools } from "./fixture-content.ts";
import { registerQuestions } from "./fixture-questions.ts";

/** What the official suite needs of a server, on the HTTP stack of the product. */
export async function serveFixture(): Promise<McpHttpServer> {
  const states = createRequestStateCodec<string>({ key: randomBytes(32), ttlSeconds: 60 });
  const factory = () => {
    const server = new McpServer(
      { name: "conformance-fixture", version: "1.0.0" },
      {
        capabilities: { logging: {}, resources: { subscribe: true } },
        requestState: { verify: states.verify },
      },
    );
    // Nothing here changes: who subscribes hears nothing, and is told that it may.
    server.server.setRequestHandler("resources/subscribe", () => ({}));
    server.server.setRequestHandler("resources/unsubscribe", () => ({}));
    registerContentTools(server);
    registerContentResources(server);
    registerContentPrompts(server);
    registerQuestions(server, (state, context) => states.mint(state, context));
    server.registerPrompt(
      "test_completion",
      { description: "completes", argsSchema: z.object({ arg1: completable(z.string(), () => ["paris", "park"]) }) },
      () => ({ messages: [] }),
    );
    return server;
  };
  return serveFactoryOverHttp(
    factory,
    { hostname: "127.0.0.1", port: 0, tokens: async () => [], rate: { burst: 1e6, perSecond: 1e6 } },
    { log: { error: () => undefined, debug: () => undefined }, now: Date.now },
  );
}
