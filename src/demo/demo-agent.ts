import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { z } from "zod";

const storeResult = z.object({ stored: z.array(z.object({ id: z.string() })) });
const queryResult = z.object({ hits: z.array(z.object({ id: z.string(), score: z.number(), text: z.string() })) });
const getResult = z.object({
  items: z.array(z.object({ id: z.string(), text: z.string() })),
  missing: z.array(z.string()),
});
const statusResult = z.object({
  awaiting_vectors: z.number(),
  replicas: z.object({ have: z.number(), target: z.number(), possible: z.number() }),
  journal: z.object({ pushes: z.number() }),
});
const splitResult = z.object({ fingerprint: z.string(), stored: z.number(), complete: z.boolean() });
const recoverResult = z.object({ fingerprint: z.string(), valid: z.number(), threshold: z.number() });
const intelligenceResult = z.object({ items: z.array(z.object({ id: z.string(), votes: z.number() })) });
const deleteResult = z.object({ deleted: z.array(z.string()) });

export type DemoHit = z.infer<typeof queryResult>["hits"][number];

export interface DemoItem {
  readonly text: string;
  readonly speaker?: string;
  readonly session?: string;
  readonly at?: string;
}

/** An agent as the server sees one: an MCP client over stdio that calls the tools with arguments of their schemas. */
export class DemoAgent implements AsyncDisposable {
  readonly #client: Client;
  readonly #transport: StdioClientTransport;

  private constructor(client: Client, transport: StdioClientTransport) {
    this.#client = client;
    this.#transport = transport;
  }

  /** Starts `engram mcp` on the data folder `home`, as an MCP configuration would. */
  static async start(home: string): Promise<DemoAgent> {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [fileURLToPath(new URL("../../bin/engram.js", import.meta.url)), "mcp"],
      env: { ENGRAM_HOME: home },
      stderr: "inherit",
    });
    const client = new Client({ name: "demo", version: "1.0.0" });
    await client.connect(transport);
    return new DemoAgent(client, transport);
  }

  async tools(): Promise<readonly string[]> {
    return (await this.#client.listTools()).tools.map(({ name }) => name);
  }

  /** Stores the items and returns their ids, in order. */
  async store(namespace: string, items: readonly DemoItem[]): Promise<readonly string[]> {
    const { stored } = storeResult.parse(await this.#call("engram_store", { namespace, items }));
    return stored.map(({ id }) => id);
  }

  /** The first ten hits. */
  async recall(namespace: string, query: string): Promise<readonly DemoHit[]> {
    return queryResult.parse(await this.#call("engram_query", { namespace, query, limit: 10 })).hits;
  }

  async get(ids: readonly string[]): Promise<z.infer<typeof getResult>> {
    return getResult.parse(await this.#call("engram_get", { ids }));
  }

  async forget(ids: readonly string[]): Promise<readonly string[]> {
    return deleteResult.parse(await this.#call("engram_delete", { ids })).deleted;
  }

  async status(): Promise<z.infer<typeof statusResult>> {
    return statusResult.parse(await this.#call("engram_status", {}));
  }

  /** Gives every known miner a share; `threshold` of them together give the key back. */
  async splitKey(namespace: string, threshold: number): Promise<z.infer<typeof splitResult>> {
    return splitResult.parse(await this.#call("engram_key_split", { namespace, threshold }));
  }

  async recoverKey(namespace: string): Promise<z.infer<typeof recoverResult>> {
    return recoverResult.parse(await this.#call("engram_key_recover", { namespace }));
  }

  /** What SageBot would be told: verified items alone. */
  async intelligence(): Promise<z.infer<typeof intelligenceResult>["items"]> {
    return intelligenceResult.parse(await this.#call("engram_intelligence", { types: ["ranking"] })).items;
  }

  /** Ends the server the hard way, as a crash or a power cut would. */
  async kill(): Promise<void> {
    const { pid } = this.#transport;
    if (pid === null) throw new Error("the server is not running");
    const closed = new Promise<void>((resolve) => {
      this.#client.onclose = resolve;
    });
    process.kill(pid, "SIGKILL");
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }

  async #call(name: string, args: Record<string, unknown>): Promise<unknown> {
    const result = await this.#client.callTool({ name, arguments: args });
    if (result.isError) throw new Error(`${name}: ${JSON.stringify(result.content)}`);
    return result.structuredContent;
  }
}
