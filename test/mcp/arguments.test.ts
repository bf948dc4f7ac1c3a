import { describe, expect, test } from "vitest";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest } from "../support/mcp-server.ts";

const wrong: readonly (readonly [tool: string, args: Record<string, unknown>, says: RegExp])[] = [
  ["engram_query", { query: "x", top_k: 3 }, /unknown argument "top_k".*Did you mean "limit"/],
  ["engram_query", { query: "x", limt: 3 }, /Did you mean "limit"/],
  ["engram_query", { query: "x", maxChars: 300 }, /Did you mean "max_chars"/],
  ["engram_query", { query: "x", zzzzzzzzzz: 1 }, /Arguments are: query, /],
  ["engram_query", {}, /query is missing/],
  ["engram_query", { query: "   " }, /empty/],
  ["engram_query", { query: "x", limit: 0 }, /limit/],
  ["engram_query", { query: "x", limit: 51 }, /limit.*50/],
  ["engram_query", { query: "x", limit: 2.5 }, /limit/],
  ["engram_query", { query: "x", min_score: 2 }, /min_score/],
  ["engram_query", { query: "x", recency_days: 0 }, /recency_days.*3650/],
  ["engram_query", { query: "x", recency: 30 }, /Did you mean "recency_days"/],
  ["engram_query", { query: "x", filter: { age: { above: 3 } } }, /filter/],
  ["engram_query", { query: "x", namespace: "a", namespaces: ["b"] }, /not both/],
  ["engram_query", { query: "\ud800" }, /surrogate/],
  ["engram_store", {}, /either text or items/],
  ["engram_store", { text: "a", items: [{ text: "b" }] }, /either text or items/],
  ["engram_store", { items: [] }, /items/],
  ["engram_store", { items: Array(51).fill({ text: "a" }) }, /items.*50/],
  ["engram_store", { items: [{ text: "a", speeker: "b" }] }, /"speeker" in items\[0\].*Did you mean "speaker"/],
  ["engram_store", { text: "a", at: "05/08/2023" }, /2026-11-22/],
  ["engram_store", { text: "a", ttl: 0 }, /ttl/],
  ["engram_store", { text: "a", replaces: "m_short" }, /replaces.*id/],
  ["engram_store", { text: "a", metadata: { big: "x".repeat(2_000) } }, /metadata/],
  ["engram_store", { text: "x".repeat(100_001) }, /longer than 100000/],
  ["engram_store", { text: "a", namespace: "   " }, /namespace/],
  ["engram_store", { text: "a", namespace: "ma\u200bin" }, /invisible/],
  ["engram_get", { ids: [] }, /ids/],
  ["engram_get", { id: "m_aaaaaaaaaaaaaaaa" }, /Did you mean "ids"/],
  ["engram_get", { ids: Array(51).fill("m_aaaaaaaaaaaaaaaa") }, /ids.*50/],
  ["engram_delete", {}, /either ids or namespace/],
  ["engram_delete", { ids: ["m_aaaaaaaaaaaaaaaa"], namespace: "x" }, /either ids or namespace/],
  ["engram_delete", { ids: ["m_aaaaaaaaaaaaaaaa"], confirm: true }, /unknown argument "confirm"/],
  ["engram_list", { limit: 101 }, /limit/],
  ["engram_status", { verbose: true }, /unknown argument "verbose"/],
];

describe("arguments a tool cannot use", () => {
  test.each(wrong)("%s %j", async (tool, args, says) => {
    await using server = await serveForTest();
    await using session = await connect(server, "auto");
    const answer = await session.call(tool, args);
    expect(answer.isError).toBe(true);
    expect(answer.data).toMatchObject({
      code: "INVALID_ARGUMENTS",
      message: expect.any(String),
      fix: expect.any(String),
    });
    expect(`${answer.data["message"]} ${answer.data["fix"]}`).toMatch(says);
    expect(server.fake.memories.size).toBe(0);
  });

  test.each([
    ["an own __proto__ key", '{"text":"a","metadata":{"__proto__":{"polluted":1}}}', "__proto__"],
    ["an infinity", '{"text":"a","metadata":{"n":1e999}}', "not finite"],
    [
      "a nesting without end",
      `{"text":"a","metadata":{"n":${"[".repeat(5_000)}${"]".repeat(5_000)}}}`,
      "nested deeper",
    ],
  ])("%s is refused and pollutes nothing", async (_, args, says) => {
    await using server = await serveForTest();
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"engram_store","arguments":${args}}}`;
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    const response = await fetch(`${server.url}/mcp`, { method: "POST", headers, body });
    expect(await response.text()).toContain(says);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(server.fake.memories.size).toBe(0);
  });

  test("what is said beside items holds for those that do not say it", async () => {
    await using server = await serveForTest();
    await using session = await connect(server, "auto");
    await session.call("engram_store", {
      items: [{ text: "a" }, { text: "b", speaker: "Bo" }],
      speaker: "Al",
      at: "2026-01-02",
    });
    expect([...server.fake.memories.values()].map(({ speaker, at }) => [speaker, at])).toEqual([
      ["Al", Date.UTC(2026, 0, 2)],
      ["Bo", Date.UTC(2026, 0, 2)],
    ]);
  });

  test("an error inside tells nothing", async () => {
    const openClient = async () => {
      throw new Error("EACCES /home/ana/.ssh/id_ed25519");
    };
    await using server = await serveForTest({ openClient });
    await using session = await connect(server, "auto");
    const answer = await session.call("engram_query", { query: "x" });
    expect(answer.data).toMatchObject({ code: "INTERNAL", message: "Engram failed inside" });
    expect(answer.text).not.toContain("ana");
    const read = session.client.readResource({ uri: "engram://status" });
    await expect(read).rejects.toThrow(/Engram failed inside/);
  });
});
