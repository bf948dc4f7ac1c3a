// The smallest server the MCP SDK can make: what any server on it must at least cost.
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const input = z.strictObject({ query: z.string().max(2_000).describe("anything") });
const output = z.object({ hits: z.array(z.object({ id: z.string(), text: z.string(), score: z.number() })) });
const hits = Array.from({ length: 8 }, (_, index) => ({ id: `m_${index}`, text: "x".repeat(80), score: 0.5 }));

function build(): McpServer {
  const server = new McpServer({ name: "bare", version: "0.0.0" });
  server.registerTool(
    "echo",
    { title: "Echo", description: "Answers eight fixed hits.", inputSchema: input, outputSchema: output },
    () => ({ structuredContent: { hits }, content: [{ type: "text", text: JSON.stringify({ hits }) }] }),
  );
  return server;
}

await serveStdio(build);
