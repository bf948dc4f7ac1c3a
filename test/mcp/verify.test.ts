import { expect, test } from "vitest";
import { FakeAudits } from "../support/fake-audits.ts";
import { FakeMemoryClient } from "../support/fake-memory-client.ts";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest } from "../support/mcp-server.ts";

class AuditedClient extends FakeMemoryClient {
  readonly audits = new FakeAudits();
}

async function serve(namespace?: string) {
  const client = new AuditedClient();
  const options = { openClient: async () => client };
  const server = await serveForTest(namespace === undefined ? options : { ...options, namespace });
  return { client, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test("verify says which miner proved what, what failed first", async () => {
  await using setup = await serve();
  await using session = await connect(setup.server, "auto");
  const { data, isError } = await session.call("engram_verify", { ids: ["m_aaaaaaaaaaaaaaaa"] });
  expect(isError).toBe(false);
  expect(data).toMatchObject({ ok: false, counts: { held: 1, missing: 1 } });
  expect(data["copies"]).toEqual([
    { id: "m_aaaaaaaaaaaaaaaa", cid: `v1::${"0".repeat(64)}`, miner: "5B", verdict: "missing", proof: "proof2" },
    expect.objectContaining({ miner: "5A", verdict: "held", merkle: "included", root: "ab".repeat(32), count: 7 }),
  ]);
  await session.call("engram_verify", {});
  expect(setup.client.audits.asked).toEqual([{ names: ["m_aaaaaaaaaaaaaaaa"] }, { all: true }]);
});

test("a pinned server verifies memories of its own namespace alone", async () => {
  await using setup = await serve("garden");
  const { stored } = await setup.client.store({ items: [{ text: "tulips" }], namespace: "garden" });
  const other = await setup.client.store({ items: [{ text: "taxes" }], namespace: "main" });
  await using session = await connect(setup.server, "auto");
  for (const args of [{}, { ids: [`v1::${"0".repeat(64)}`] }]) {
    expect((await session.call("engram_verify", args)).data).toMatchObject({ code: "NAMESPACE_PINNED" });
  }
  const ids = [stored[0]?.id ?? "", other.stored[0]?.id ?? ""];
  expect((await session.call("engram_verify", { ids })).data).toMatchObject({ ok: false, missing: [ids[1]] });
  expect(setup.client.audits.asked).toEqual([{ names: [ids[0]] }]);
});

test("without miners the answer says so, and wrong names are named", async () => {
  await using server = await serveForTest();
  await using session = await connect(server, "auto");
  expect((await session.call("engram_verify", {})).data).toMatchObject({ code: "NO_MINERS" });
  for (const ids of [[], ["tulips"], ["v1::short"], Array(51).fill("m_aaaaaaaaaaaaaaaa")]) {
    expect((await session.call("engram_verify", { ids })).data).toMatchObject({ code: "INVALID_ARGUMENTS" });
  }
});
