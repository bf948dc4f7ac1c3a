import { describe, expect, test } from "vitest";
import { instructions } from "../../src/mcp/instructions.ts";
import { allTools } from "../../src/mcp/tools/index.ts";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest } from "../support/mcp-server.ts";

const names = [
  "engram_query",
  "engram_store",
  "engram_get",
  "engram_list",
  "engram_delete",
  "engram_namespaces",
  "engram_archive",
  "engram_verify",
  "engram_key_split",
  "engram_key_recover",
  "engram_relay_submit",
  "engram_relay_status",
  "engram_intelligence",
  "engram_status",
];

/** Every `{type: "integer"}` below a schema, with its path. */
function integers(node: unknown, path = ""): readonly (readonly [string, Record<string, unknown>])[] {
  if (typeof node !== "object" || node === null) return [];
  const inner = Object.entries(node).flatMap(([key, child]) => integers(child, `${path}/${key}`));
  const own = node as Record<string, unknown>;
  return own["type"] === "integer" ? [[path, own], ...inner] : inner;
}

describe("tools/list", () => {
  test("shows every tool in a fixed order, complete and within a kilobyte", async () => {
    await using server = await serveForTest();
    await using session = await connect(server, "auto");
    const { tools } = await session.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(names);
    for (const tool of tools) {
      expect(Buffer.byteLength(JSON.stringify(tool)), tool.name).toBeLessThanOrEqual(1_000);
      expect(Object.values(tool.annotations ?? {}).map((hint) => typeof hint)).toEqual(Array(4).fill("boolean"));
      expect(tool.inputSchema).toMatchObject({ type: "object", additionalProperties: false });
      expect(tool.outputSchema).toMatchObject({ type: "object" });
      expect(tool.title).toBeTruthy();
      expect(tool.description?.split(" ").length).toBeLessThanOrEqual(60);
      expect(tool.name).toMatch(/^engram_[a-z_]{3,20}$/);
      for (const [path, integer] of integers(tool.inputSchema)) {
        expect(integer, path).toMatchObject({ minimum: expect.any(Number), maximum: expect.any(Number) });
      }
    }
    expect(tools).toMatchSnapshot();
  });

  test("is the same bytes every time", async () => {
    await using server = await serveForTest();
    await using one = await connect(server, "legacy");
    await using two = await connect(server, "legacy");
    expect(JSON.stringify(await two.client.listTools())).toBe(JSON.stringify(await one.client.listTools()));
  });

  test("hides tools by --read-only and --tools", async () => {
    await using readOnly = await serveForTest({ readOnly: true });
    await using reader = await connect(readOnly, "auto");
    const shown = (await reader.client.listTools()).tools.map(({ name }) => name);
    expect(shown).toEqual(names.filter((name) => !/store|delete|archive|verify|key|submit/.test(name)));
    await expect(reader.call("engram_store", { text: "no" })).rejects.toMatchObject({ code: -32_602 });
    expect(readOnly.fake.memories.size).toBe(0);

    await using few = await serveForTest({ tools: ["store", "engram_query"] });
    await using session = await connect(few, "auto");
    expect((await session.client.listTools()).tools.map(({ name }) => name)).toEqual(["engram_query", "engram_store"]);
    await expect(serveForTest({ tools: ["engram_storr"] })).rejects.toMatchObject({ code: "TOOL_UNKNOWN" });
  });

  test("the hints say what a tool does", () => {
    const destructive = allTools.filter(({ annotations }) => annotations.destructiveHint).map(({ name }) => name);
    expect(destructive).toEqual(["engram_delete"]);
    const writing = allTools.filter(({ annotations }) => !annotations.readOnlyHint).map(({ name }) => name);
    expect(writing).toEqual([
      "engram_store",
      "engram_delete",
      "engram_archive",
      "engram_verify",
      "engram_key_split",
      "engram_key_recover",
      "engram_relay_submit",
    ]);
  });

  test("the instructions stay within two kilobytes and name every tool a model must know", () => {
    expect(Buffer.byteLength(instructions)).toBeLessThanOrEqual(2_048);
    for (const name of ["engram_query", "engram_namespaces"]) expect(instructions).toContain(name);
  });
});
