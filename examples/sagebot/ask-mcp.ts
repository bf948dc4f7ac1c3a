import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { z } from "zod";
import { ENGRAM } from "./local-subnet.ts";

const answer = z.object({
  items: z.array(z.looseObject({ id: z.string(), assurance: z.string() })),
  refused: z.number(),
});

/** What the tool `engram_intelligence` of `engram mcp` on the folder `home` answers a model: the ids behind `after`. */
export async function askOverMcp(home: string, after: number): Promise<readonly string[]> {
  const command = { command: process.execPath, args: [ENGRAM, "mcp"], env: { ENGRAM_HOME: home } };
  const client = new Client({ name: "sagebot", version: "1.0.0" });
  await client.connect(new StdioClientTransport({ ...command, stderr: "inherit" }));
  try {
    const { structuredContent } = await client.callTool({ name: "engram_intelligence", arguments: { after } });
    return answer.parse(structuredContent).items.map(({ id }) => id);
  } finally {
    await client.close();
  }
}
