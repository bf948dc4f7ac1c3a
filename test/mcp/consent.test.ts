import { describe, expect, test } from "vitest";
import { hashArguments, parseConsentRules } from "../../src/mcp/consent.ts";
import { FakeMemoryClient, type FakeOptions } from "../support/fake-memory-client.ts";
import { type Asked, connect, type Era } from "../support/mcp-clients.ts";
import { fakeOverStdio, serveForTest, temporaryFolder } from "../support/mcp-server.ts";

const remote: FakeOptions = { chain: "0xabc", minerUrls: ["https://miner.example:8091"] };
const publish = { text: "The meetup is in Lyon", public: true };
const bothEras: readonly Era[] = ["auto", "legacy", "1.x"];

async function serveFake(options: FakeOptions, consent: Parameters<typeof parseConsentRules>[0] = "") {
  const fake = new FakeMemoryClient(options);
  const server = await serveForTest({ openClient: async () => fake, consent: parseConsentRules(consent) });
  return { fake, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function fill(fake: FakeMemoryClient, count: number): Promise<readonly string[]> {
  const items = Array.from({ length: count }, (_, index) => ({ text: `note ${index}` }));
  return (await fake.store({ items, namespace: "old" })).stored.map(({ id }) => id);
}

describe("standing rules", () => {
  test("on the local chain with loopback miners a public store needs nobody", async () => {
    await using setup = await serveFake({ chain: "local:x", minerUrls: ["http://127.0.0.1:8091", ""] });
    await using session = await connect(setup.server, "auto");
    expect((await session.call("engram_store", publish)).isError).toBe(false);
    expect([...setup.fake.memories.values()]).toMatchObject([{ visibility: "public" }]);
  });

  test.each([
    ["a real chain", { chain: "0xabc", minerUrls: [] }],
    ["a miner elsewhere", { chain: "local:x", minerUrls: ["http://10.0.0.7:8091"] }],
    ["a miner that only looks local", { chain: "local:x", minerUrls: ["http://127.0.0.1.example.org"] }],
  ])("with %s it needs a person", async (_, options) => {
    await using setup = await serveFake(options);
    await using session = await connect(setup.server, "auto");
    const answer = await session.call("engram_store", publish);
    expect(answer.data).toMatchObject({ code: "CONSENT_REQUIRED", fix: expect.stringMatching(/engram approve \w{8}/) });
    expect(setup.fake.memories.size).toBe(0);
  });

  test("the configuration may allow or forbid", async () => {
    await using allowed = await serveFake(remote, "public=allow");
    await using one = await connect(allowed.server, "auto");
    expect((await one.call("engram_store", publish)).isError).toBe(false);
    await using denied = await serveFake({}, "public=deny");
    await using two = await connect(denied.server, "auto", () => ({ action: "accept", content: { allow: true } }));
    expect((await two.call("engram_store", publish)).data).toMatchObject({ code: "CONSENT_DENIED" });
    expect(denied.fake.memories.size).toBe(0);
  });

  test("rules that cannot be read stop the start", () => {
    expect(parseConsentRules(" public=allow , delete=ask ")).toEqual({ public: "allow", delete: "ask" });
    for (const text of ["public", "public=yes", "publc=allow", "public=allow=ask"]) {
      expect(() => parseConsentRules(text)).toThrow(/consent rule/);
    }
  });

  test("a private store and small deletes ask nobody", async () => {
    await using setup = await serveFake(remote);
    await using session = await connect(setup.server, "auto");
    expect((await session.call("engram_store", { text: "private" })).isError).toBe(false);
    const ids = await fill(setup.fake, 20);
    expect((await session.call("engram_delete", { ids })).data).toMatchObject({ count: 20 });
  });
});

describe.each(bothEras)("a client that can ask its person, %s", (era) => {
  const asked =
    (seen: string[], action: "accept" | "decline", allow = true): Asked =>
    (message) => {
      seen.push(message);
      return action === "accept" ? { action, content: { allow } } : { action };
    };

  test("acts when the person allows, once for each call", async () => {
    const seen: string[] = [];
    await using session = await connect(fakeOverStdio("", "0xabc"), era, asked(seen, "accept"));
    expect((await session.call("engram_store", publish)).isError).toBe(false);
    expect(seen).toEqual([expect.stringContaining("The meetup is in Lyon")]);
    await session.call("engram_store", publish);
    expect(seen).toHaveLength(2);
  });

  test("does nothing when the person declines or leaves the box empty", async () => {
    for (const answer of [asked([], "decline"), asked([], "accept", false)]) {
      await using session = await connect(fakeOverStdio("", "0xabc"), era, answer);
      expect((await session.call("engram_store", publish)).data).toMatchObject({ code: "CONSENT_DECLINED" });
      expect((await session.call("engram_list", {})).data).toEqual({ items: [] });
    }
  });

  test("asks before more than 20 are forgotten", async () => {
    const seen: string[] = [];
    await using session = await connect(fakeOverStdio("", "local:x"), era, asked(seen, "decline"));
    const items = Array.from({ length: 21 }, (_, index) => ({ text: `note ${index}` }));
    await session.call("engram_store", { items, namespace: "old" });
    const answer = await session.call("engram_delete", { namespace: "old" });
    expect(answer.data).toMatchObject({ code: "CONSENT_DECLINED" });
    expect(seen).toEqual([expect.stringMatching(/Forget 21 memories.*"old"/)]);
    expect((await session.call("engram_namespaces")).data).toMatchObject({ namespaces: [{ memories: 21 }] });
  });
});

describe("approval outside the model", () => {
  const codeIn = (text: string) => /engram approve (\w+)/.exec(text)?.[1] ?? "";

  test("a code works once, for exactly these arguments", async () => {
    await using setup = await serveFake(remote);
    await using session = await connect(setup.server, "auto");
    const code = codeIn((await session.call("engram_store", publish)).text);
    // Asked again without approval it is refused again.
    expect((await session.call("engram_store", publish)).isError).toBe(true);
    expect(await setup.fake.approvals.approve(code)).toMatchObject({ summary: expect.stringContaining("Lyon") });

    const other = await session.call("engram_store", { ...publish, text: "The meetup is in Nice" });
    expect(other.data).toMatchObject({ code: "CONSENT_REQUIRED" });
    expect((await session.call("engram_store", publish)).isError).toBe(false);
    expect((await session.call("engram_store", { ...publish, dedupe: false })).isError).toBe(true);
    expect((await session.call("engram_store", publish)).data).toMatchObject({ code: "CONSENT_REQUIRED" });
    expect([...setup.fake.memories.values()].map(({ text }) => text)).toEqual(["The meetup is in Lyon"]);
  });

  test("a code expires after five minutes", async () => {
    let now = Date.now();
    await using setup = await serveFake({ ...remote, now: () => now });
    await using session = await connect(setup.server, "auto");
    const code = codeIn((await session.call("engram_store", publish)).text);
    expect(await setup.fake.approvals.approve(code)).not.toBeNull();
    now += 300_001;
    expect((await session.call("engram_store", publish)).data).toMatchObject({ code: "CONSENT_REQUIRED" });
  });

  test("no argument is a confirmation", async () => {
    await using setup = await serveFake(remote);
    await using session = await connect(setup.server, "auto");
    for (const claim of [{ confirm: true }, { consent: true }, { approved: "yes" }, { inputResponses: {} }]) {
      const answer = await session.call("engram_store", { ...publish, ...claim });
      expect(answer.data).toMatchObject({ code: "INVALID_ARGUMENTS" });
    }
    expect(setup.fake.memories.size).toBe(0);
  });

  test("the shipped command's code is approved by the shipped client", async () => {
    await using home = await temporaryFolder();
    const env = { ENGRAM_HOME: home.path, ENGRAM_CONSENT: "public=ask" };
    const place = { command: process.execPath, args: ["bin/engram.js", "mcp"], env };
    await using session = await connect(place, "auto");
    const code = codeIn((await session.call("engram_store", publish)).text);
    const { openCommandClient } = await import("../../src/node/commands/open-client.ts");
    await using person = await openCommandClient(home.path);
    expect(await person.approvals.approve(code)).toMatchObject({ summary: expect.stringContaining("Lyon") });
    expect((await session.call("engram_store", publish)).isError).toBe(false);
    expect((await session.call("engram_store", { ...publish, dedupe: false })).isError).toBe(true);
  });
});

describe("answers that no question of ours brought", () => {
  const modern = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "x", version: "0" },
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
  };
  const accepted = { consent: { action: "accept", content: { allow: true } } };

  async function post(url: string, args: object, extra: object): Promise<Record<string, unknown>> {
    const params = { name: "engram_store", arguments: args, _meta: modern, ...extra };
    const response = await fetch(`${url}/mcp`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "engram_store",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
    });
    const message = (await response.json()) as { result?: Record<string, unknown>; error?: Record<string, unknown> };
    return message.result ?? message.error ?? {};
  }

  test("an answer without our seal, with a forged or a used one, or for other arguments allows nothing", async () => {
    await using setup = await serveFake(remote);
    const { url } = setup.server;
    expect(await post(url, publish, { inputResponses: accepted })).toMatchObject({ resultType: "input_required" });
    const question = await post(url, publish, {});
    const requestState = String(question["requestState"]);
    const forged = `${requestState.slice(0, -4)}AAAA`;
    expect(await post(url, publish, { inputResponses: accepted, requestState: forged })).toMatchObject({
      code: -32_602,
    });
    const other = { ...publish, text: "The meetup is in Nice" };
    const elsewhere = await post(url, other, { inputResponses: accepted, requestState });
    expect(elsewhere).toMatchObject({ resultType: "input_required" });
    expect(setup.fake.memories.size).toBe(0);

    const again = await post(url, publish, {});
    const state = { inputResponses: accepted, requestState: String(again["requestState"]) };
    expect(await post(url, publish, state)).toMatchObject({ structuredContent: { stored: [{}] } });
    expect(await post(url, publish, state)).toMatchObject({ resultType: "input_required" });
    expect(setup.fake.memories.size).toBe(1);
  });
});

test("the hash of arguments knows no order of keys, and every value", () => {
  const hash = hashArguments("t", { a: 1, b: { c: [1, 2], d: undefined } });
  expect(hash).toBe(hashArguments("t", { b: { c: [1, 2] }, a: 1 }));
  for (const other of [{ a: 1 }, { a: 1, b: { c: [2, 1] } }, { a: "1", b: { c: [1, 2] } }]) {
    expect(hashArguments("t", other)).not.toBe(hash);
  }
  expect(hashArguments("u", { a: 1, b: { c: [1, 2] } })).not.toBe(hash);
});
