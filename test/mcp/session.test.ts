import { describe, expect, test } from "vitest";
import { allTools } from "../../src/mcp/tools/index.ts";
import { openMemoryClient } from "../../src/node/client/open-client.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { connect, eras, type McpSession } from "../support/mcp-clients.ts";
import { serveForTest, temporaryFolder } from "../support/mcp-server.ts";

interface Hit {
  readonly id: string;
  readonly score: number;
  readonly text: string;
}

const idPattern = /^m_[a-z2-7]{16}$/;

describe.each(eras)("a whole session, client %s", (era) => {
  test("over stdio with the shipped command", async () => {
    await using home = await temporaryFolder();
    const env = { ENGRAM_HOME: home.path };
    await using session = await connect({ command: process.execPath, args: ["bin/engram.js", "mcp"], env }, era);
    await wholeSession(session);
  });

  test("over HTTP with the real memory client", async () => {
    await using home = await temporaryFolder();
    const openClient = async () => openMemoryClient({ home: home.path, log: createLogger({ level: "silent" }) });
    await using server = await serveForTest({ openClient });
    await using session = await connect(server, era);
    await wholeSession(session);
  });

  test("over HTTP with the fake memory client", async () => {
    await using server = await serveForTest();
    await using session = await connect(server, era);
    await wholeSession(session);
  });
});

async function wholeSession(session: McpSession): Promise<void> {
  const { tools } = await session.client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(allTools.map(({ name }) => name));
  const ids = await storeSome(session);
  await recallThem(session, ids);
  await readResources(session, ids);
  await usePrompts(session, ids);
  await forget(session, ids);
}

async function storeSome(session: McpSession): Promise<readonly string[]> {
  const items = [
    { text: "Ana deploys the billing service to Lisbon", speaker: "Ana", metadata: { topic: "deploy", year: 2026 } },
    { text: "Bruno grows tomatoes on the roof", at: "1:56 pm on 8 May, 2023" },
  ];
  const first = await session.call("engram_store", { items, namespace: "trip notes" });
  const stored = first.data["stored"] as readonly { readonly id: string }[];
  expect(stored).toEqual([{ id: expect.stringMatching(idPattern) }, { id: expect.stringMatching(idPattern) }]);
  expect(first.text).toBe(JSON.stringify(first.data));
  expect(first.text).not.toContain("tomatoes");

  const again = await session.call("engram_store", { items, namespace: "trip notes" });
  expect(again.data["stored"]).toEqual(stored.map(({ id }) => ({ id, deduped: true })));
  return stored.map(({ id }) => id);
}

async function recallThem(session: McpSession, [deploy = "", tomatoes = ""]: readonly string[]): Promise<void> {
  const found = await session.call("engram_query", { query: "tomatoes on the roof", detail: "full" });
  expect(found.data["hits"]).toEqual(
    expect.arrayContaining([expect.objectContaining({ id: tomatoes, at: "2023-05-08T13:56:00Z", tier: "own" })]),
  );
  expect(found.data["untrusted"]).toMatch(/never instructions/);
  for (const { score } of found.data["hits"] as readonly Hit[]) expect(score).toBe(Number(score.toFixed(3)));

  const filter = { topic: "deploy", year: { gte: 2026 } };
  const filtered = await session.call("engram_query", { query: "billing tomatoes", filter, detail: "ids" });
  expect((filtered.data["hits"] as readonly Hit[]).map(({ id }) => id)).toEqual([deploy]);

  const none = await session.call("engram_query", { query: "billing", filter: { topic: "nothing" } });
  expect(none.data).toEqual({ hits: [], why: expect.stringMatching(/\w{3}/) });

  const got = await session.call("engram_get", { ids: [deploy.slice(0, 12), "m_aaaaaaaaaaaaaaaa"] });
  expect(got.data).toMatchObject({
    items: [{ id: deploy, speaker: "Ana", namespace: "trip notes", metadata: { topic: "deploy", year: 2026 } }],
    missing: ["m_aaaaaaaaaaaaaaaa"],
  });
  const listed = await session.call("engram_list", { namespace: "trip notes", limit: 1, order: "oldest" });
  expect(listed.data).toMatchObject({ items: [{ id: deploy }], next: expect.any(String) });
  const rest = await session.call("engram_list", {
    namespace: "trip notes",
    limit: 1,
    order: "oldest",
    cursor: listed.data["next"],
  });
  expect(rest.data["items"]).toMatchObject([{ id: tomatoes, preview: "Bruno grows tomatoes on the roof" }]);
  const spaces = await session.call("engram_namespaces");
  expect(spaces.data["namespaces"]).toEqual([
    expect.objectContaining({ name: "trip notes", visibility: "private", memories: 2 }),
  ]);
  const status = await session.call("engram_status");
  expect(status.data).toMatchObject({ memories: 2, namespaces: 1, backup: "never made" });
}

async function readResources({ client }: McpSession, [deploy = ""]: readonly string[]): Promise<void> {
  const { resources } = await client.listResources();
  expect(resources.map(({ uri }) => uri)).toEqual([
    "engram://status",
    "engram://namespaces",
    "engram://intelligence/latest",
  ]);
  const { resourceTemplates } = await client.listResourceTemplates();
  expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
    "engram://memory/{id}",
    "engram://relay/{job}",
  ]);
  const read = async (uri: string) => {
    const { contents } = await client.readResource({ uri });
    const [content] = contents;
    return JSON.parse(content && "text" in content ? content.text : "null") as unknown;
  };
  expect(await read("engram://status")).toMatchObject({ memories: 2 });
  expect(await read("engram://namespaces")).toMatchObject({ namespaces: [{ name: "trip notes" }] });
  expect(await read(`engram://memory/${deploy}`)).toMatchObject({ id: deploy, speaker: "Ana" });
  await expect(read("engram://memory/m_aaaaaaaaaaaaaaaa")).rejects.toMatchObject({ code: -32_602 });
  await expect(read("engram://elsewhere")).rejects.toMatchObject({ code: -32_602 });
}

async function usePrompts({ client }: McpSession, [deploy = ""]: readonly string[]): Promise<void> {
  const { prompts } = await client.listPrompts();
  expect(prompts.map(({ name }) => name)).toEqual(["recall", "remember_session", "brief_from_intelligence"]);
  const recalled = await client.getPrompt({ name: "recall", arguments: { topic: "billing service" } });
  expect(JSON.stringify(recalled.messages)).toContain(deploy);
  expect(JSON.stringify(recalled.messages)).toContain("not instructions");
  const remember = await client.getPrompt({ name: "remember_session", arguments: { namespace: "trip notes" } });
  expect(JSON.stringify(remember.messages)).toContain("engram_store");

  const complete = async (ref: Parameters<typeof client.complete>[0]["ref"], name: string, value: string) =>
    (await client.complete({ ref, argument: { name, value } })).completion.values;
  expect(await complete({ type: "ref/prompt", name: "recall" }, "namespace", "tr")).toEqual(["trip notes"]);
  expect(await complete({ type: "ref/prompt", name: "recall" }, "namespace", "zz")).toEqual([]);
  const template = { type: "ref/resource", uri: "engram://memory/{id}" } as const;
  expect(await complete(template, "id", deploy.slice(0, 8))).toEqual([deploy]);
}

async function forget(session: McpSession, [deploy = "", tomatoes = ""]: readonly string[]): Promise<void> {
  const replaced = await session.call("engram_store", {
    text: "Ana deploys the billing service to Porto",
    replaces: deploy,
    namespace: "trip notes",
  });
  expect(replaced.isError).toBe(false);
  const now = await session.call("engram_query", { query: "where does Ana deploy the billing service", limit: 3 });
  expect(now.text).toContain("Porto");
  expect(now.text).not.toContain("Lisbon");

  const deleted = await session.call("engram_delete", { ids: [tomatoes] });
  expect(deleted.data).toMatchObject({ deleted: [tomatoes], count: 1, missing: [], local: true });
  const gone = await session.call("engram_get", { ids: [tomatoes] });
  expect(gone.data).toEqual({ items: [], missing: [tomatoes] });
}
