import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fc } from "@fast-check/vitest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allTools } from "../../src/mcp/tools/index.ts";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { openMemoryClient } from "../../src/node/client/open-client.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { post } from "../relay/gateway/gateway-kit.ts";
import { FakeAudits } from "../support/fake-audits.ts";
import { FakeKeyShares } from "../support/fake-key-shares.ts";
import { FakeMemoryClient } from "../support/fake-memory-client.ts";
import { connect, type McpSession, type ToolAnswer } from "../support/mcp-clients.ts";
import { serveForTest, temporaryFolder } from "../support/mcp-server.ts";
import { RelayBench } from "./relay-bench.ts";

/** Calls per tool; `npm run fuzz` takes 2,000. */
const runs = Number(process.env["ENGRAM_FUZZ"] ?? 200);

type Args = Record<string, unknown>;
type Check = (answer: ToolAnswer, args: Args, client: MemoryClient) => Promise<void>;

interface Case {
  readonly tool: string;
  /** Arguments a tool must accept, in the presence of `ids`. */
  readonly valid: (ids: readonly string[]) => fc.Arbitrary<Args>;
  readonly effect: Check;
}

const words = fc.constantFrom("tea", "roof", "Ana", "billing", "größe", "记忆", "قهوة", "42", "👩‍💻");
const text = fc.array(words, { minLength: 1, maxLength: 12 }).map((all) => all.join(" "));
const space = fc.constantFrom("main", "trip notes", "Ünïcode", "n1");
const metadata = fc.dictionary(fc.constantFrom("topic", "year", "tags"), fc.oneof(words, fc.integer(), fc.boolean()));
const at = fc.constantFrom("2026-11-22", "2026-11-22T10:00:00Z", "1:56 pm on 8 May, 2023", "1683554160");
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(
  fields: T,
  required: readonly (keyof T & string)[] = [],
) => fc.record(fields, { requiredKeys: [...required] }) as fc.Arbitrary<Args>;
const idsOf = (ids: readonly string[]) => fc.constantFrom(...ids, "m_aaaaaaaaaaaaaaaa", ids[0]?.slice(0, 10) ?? "");

const about = { speaker: words, session: words, at, metadata };
const placement = { namespace: space, ttl: fc.integer({ min: 600, max: 1e9 }), dedupe: fc.boolean() };

const missing = async (client: MemoryClient, ids: readonly string[]) =>
  ids.length === 0 ? [] : (await client.get(ids)).missing;

/** The server of the pages that are archived. */
let pages = "";

const cases: readonly Case[] = [
  {
    tool: "engram_store",
    valid: () =>
      fc.oneof(
        some({ text, ...about, ...placement }, ["text"]),
        some({ items: fc.array(some({ text, ...about }, ["text"]), { minLength: 1, maxLength: 5 }), ...placement }, [
          "items",
        ]),
      ),
    effect: async (answer, args, client) => {
      const stored = answer.data["stored"] as readonly { readonly id: string }[];
      const texts = "items" in args ? (args["items"] as readonly Args[]).map((item) => item["text"]) : [args["text"]];
      const { items } = await client.get(stored.map(({ id }) => id));
      expect(items.map((memory) => memory.text)).toEqual(texts);
    },
  },
  {
    tool: "engram_query",
    valid: () =>
      some(
        {
          query: text,
          limit: fc.integer({ min: 1, max: 50 }),
          min_score: fc.double({ min: 0, max: 1, noNaN: true }),
          recency_days: fc.double({ min: 1, max: 3_650, noNaN: true }),
          filter: fc.constantFrom({ topic: "tea" }, { year: { gte: 3 } }, { not: { tags: { exists: true } } }),
          mode: fc.constantFrom("hybrid", "semantic", "keyword"),
          detail: fc.constantFrom("ids", "concise", "full"),
          max_chars: fc.integer({ min: 200, max: 50_000 }),
        },
        ["query"],
      ).chain((args) =>
        // The public space has no namespaces.
        some({ namespace: space, scope: fc.constantFrom("own", "all") }).map((place) => ({ ...args, ...place })),
      ),
    effect: async (answer, args, client) => {
      const hits = answer.data["hits"] as readonly { readonly id: string }[];
      expect(hits.length).toBeLessThanOrEqual(Number(args["limit"] ?? 8));
      expect(
        await missing(
          client,
          hits.map(({ id }) => id),
        ),
      ).toEqual([]);
      if (hits.length === 0) expect(answer.data["why"]).toEqual(expect.any(String));
    },
  },
  {
    tool: "engram_get",
    valid: (ids) =>
      some(
        {
          ids: fc.array(idsOf(ids), { minLength: 1, maxLength: 50 }),
          max_chars: fc.integer({ min: 200, max: 200_000 }),
        },
        ["ids"],
      ),
    effect: async (answer, args) => {
      const { items, missing } = answer.data as { items: readonly { id: string }[]; missing: readonly string[] };
      for (const id of args["ids"] as readonly string[]) {
        expect(missing.includes(id) || items.some((item) => item.id.startsWith(id))).toBe(true);
      }
    },
  },
  {
    tool: "engram_list",
    valid: () =>
      some({ namespace: space, order: fc.constantFrom("newest", "oldest"), limit: fc.integer({ min: 1, max: 100 }) }),
    effect: async (answer, args, client) => {
      const items = answer.data["items"] as readonly { readonly id: string }[];
      expect(items.length).toBeLessThanOrEqual(Number(args["limit"] ?? 20));
      const there = (await client.namespaces()).filter(({ name }) =>
        [undefined, name].includes(args["namespace"] as string),
      );
      const held = there.reduce((sum, { memories }) => sum + memories, 0);
      expect(items.length).toBe(Math.min(held, Number(args["limit"] ?? 20)));
    },
  },
  {
    tool: "engram_delete",
    valid: (ids) => some({ ids: fc.array(idsOf(ids), { minLength: 1, maxLength: 20 }) }, ["ids"]),
    effect: async (answer, _, client) => {
      const deleted = answer.data["deleted"] as readonly string[];
      expect(await missing(client, deleted)).toEqual(deleted);
    },
  },
  {
    tool: "engram_namespaces",
    valid: () => fc.constant({}),
    effect: async (answer, _, client) => {
      const names = (answer.data["namespaces"] as readonly { readonly name: string }[]).map(({ name }) => name);
      expect(names).toEqual((await client.namespaces()).map(({ name }) => name));
    },
  },
  {
    tool: "engram_status",
    valid: () => fc.constant({}),
    effect: async (answer, _, client) => expect(answer.data["memories"]).toBe((await client.status()).memories),
  },
  {
    tool: "engram_archive",
    valid: () =>
      some({ source: words.map((word) => `${pages}/${word}`), description: text, namespace: space, metadata }, [
        "source",
      ]),
    effect: async (answer, args, client) => {
      const [memory] = (await client.get([String(answer.data["id"])])).items;
      expect(memory?.metadata).toMatchObject({ type: "url", source: args["source"] });
      expect(memory?.text).toContain("A page about");
    },
  },
];

class KeyedClient extends FakeMemoryClient {
  readonly keyShares = new FakeKeyShares();
  readonly audits = new FakeAudits();
}

const cid = fc.constantFrom(`v1::${"0".repeat(64)}`, `v1::${"ab".repeat(32)}`);
const hotkeys = fc.array(fc.constantFrom("5A", "5B", "5C"), { minLength: 2, maxLength: 5 });
const someCount = fc.integer({ min: 0, max: 1e9 });
/** Jobs that were given out so far. */
const jobs: string[] = [];

/** Tools that reach beyond the memories: on a fake memory client, and on a real gateway. */
const farCases: readonly Case[] = [
  {
    tool: "engram_verify",
    valid: (ids) => some({ ids: fc.array(fc.oneof(idsOf(ids), cid), { minLength: 1, maxLength: 50 }) }),
    effect: async (answer, args, client) => {
      expect(answer.data).toMatchObject({ ok: false, counts: { held: 1, missing: 1 } });
      const wanted = "ids" in args ? { names: args["ids"] } : { all: true };
      expect((client as KeyedClient).audits.asked.at(-1)).toEqual(wanted);
    },
  },
  {
    tool: "engram_key_split",
    valid: () => some({ namespace: space, threshold: fc.integer({ min: 2, max: 255 }), holders: hotkeys }),
    effect: async (answer, args, client) => {
      expect(answer.data).toMatchObject({ fingerprint: "aa-bb", failed: ["5B"] });
      expect((client as KeyedClient).keyShares.asked.at(-1)).toEqual({ ...args });
    },
  },
  {
    tool: "engram_key_recover",
    valid: () => fc.oneof(some({ namespace: space }), some({ wire_name: words }, ["wire_name"])),
    effect: async (answer, args, client) => {
      expect(answer.data).toMatchObject({ fingerprint: "aa-bb", key: "saved" });
      const wanted = "wire_name" in args ? { wireName: args["wire_name"] } : { ...args };
      expect((client as KeyedClient).keyShares.asked.at(-1)).toEqual(wanted);
    },
  },
  {
    tool: "engram_relay_submit",
    valid: (ids) =>
      fc.oneof(
        some(
          {
            type: fc.constant("inference"),
            model: words,
            model_version: words,
            prompt: words,
            completion: words,
            finish_reason: fc.constantFrom("stop", "length", "tool", "error"),
            input_tokens: someCount,
            output_tokens: someCount,
            latency_ms: someCount,
            request_id: fc.uuid(),
          },
          ["type", "model", "prompt", "completion"],
        ),
        some(
          {
            type: fc.constant("memory"),
            ids: fc.array(fc.constantFrom(...ids), { minLength: 1, maxLength: 20 }),
            query: words,
          },
          ["type", "ids"],
        ),
      ),
    effect: async (answer) => {
      expect(answer.data).toMatchObject({ job: expect.stringMatching(/^r_/), created: expect.any(Boolean) });
      jobs.push(String(answer.data["job"]));
    },
  },
  {
    tool: "engram_relay_status",
    valid: () =>
      fc.oneof(
        fc.constant({}),
        fc.nat().map((index) => ({ job: jobs[index % jobs.length] ?? "" })),
      ),
    effect: async (answer, args) => {
      if ("job" in args) expect(answer.data["job"]).toBe(args["job"]);
      else expect((answer.data["jobs"] as readonly object[]).length).toBeLessThanOrEqual(10);
    },
  },
  {
    tool: "engram_intelligence",
    valid: () =>
      some({
        types: fc.uniqueArray(fc.constantFrom("ranking", "memory", "inference"), { minLength: 1, maxLength: 3 }),
        min_assurance: fc.constantFrom("quorum", "author", "payer"),
        after: fc.integer({ min: 0, max: 1e6 }),
        limit: fc.integer({ min: 1, max: 20 }),
        max_chars: fc.integer({ min: 200, max: 50_000 }),
      }),
    effect: async (answer, args) => {
      const items = answer.data["items"] as readonly { readonly type: string }[];
      expect(items.length).toBeLessThanOrEqual(Number(args["limit"] ?? 5));
      for (const { type } of items) expect(args["types"] ?? [type]).toContain(type);
    },
  },
];

const hostile = fc.oneof(
  fc.anything({ maxDepth: 3, withNullPrototype: false }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1e308, "", " ", "\u0000", "\ud800", "x".repeat(20_000)),
  fc.constantFrom("../../etc/passwd", "' OR 1=1 --", "m_", "constructor", [], {}, [[[]]], null, true),
);
const names = fc.constantFrom(
  ..."query text items ids namespace namespaces limit min_score filter mode detail max_chars cursor scope at".split(
    " ",
  ),
  ..."metadata ttl replaces dedupe public order speaker session toString __proto__ constructor limt ".split(" "),
  ..."type model prompt completion job types min_assurance after threshold holders wire_name request_id source description".split(
    " ",
  ),
);
/** JSON as a wire carries it; what JSON cannot say never arrives. */
const wrong = fc.dictionary(names, hostile, { maxKeys: 5 }).map((args) => JSON.parse(JSON.stringify(args)) as Args);

/** Valid arguments with one of them spoilt. */
const spoilt = (valid: fc.Arbitrary<Args>) =>
  fc.tuple(valid, wrong).map(([args, other]): Args => ({ ...args, ...other }));

/** Calls a tool with good, spoilt and wrong arguments: good ones work, others change nothing and say what to do. */
async function fuzz({ tool, valid, effect }: Case, ids: readonly string[], client: MemoryClient, session: McpSession) {
  const good = valid(ids);
  const kinds = fc.oneof(
    { arbitrary: good.map((args) => ({ args, isValid: true })), weight: 2 },
    { arbitrary: spoilt(good).map((args) => ({ args, isValid: false })), weight: 2 },
    { arbitrary: wrong.map((args) => ({ args, isValid: false })), weight: 1 },
  );
  let succeeded = 0;
  await fc.assert(
    fc.asyncProperty(kinds, async ({ args, isValid }) => {
      const before = (await client.status()).memories;
      const answer = await session.call(tool, args);
      if (isValid) expect(answer.isError, answer.text).toBe(false);
      if (answer.isError) {
        expect(answer.data).toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/), message: expect.any(String) });
        expect(answer.data["code"], answer.text).not.toBe("INTERNAL");
        expect(answer.data["fix"], answer.text).toEqual(expect.any(String));
        expect((await client.status()).memories).toBe(before);
      } else if (isValid) {
        succeeded++;
        await effect(answer, args, client);
      }
      expect(({} as Args)["polluted"]).toBeUndefined();
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    { numRuns: runs },
  );
  expect(succeeded).toBeGreaterThanOrEqual(runs / 5);
}

test("every tool is called", () => {
  const called = [...cases, ...farCases].map(({ tool }) => tool);
  expect(called.toSorted()).toEqual(allTools.map(({ name }) => name).toSorted());
});

describe(`${runs} calls of each tool`, () => {
  let home: Awaited<ReturnType<typeof temporaryFolder>>;
  let website: Server;
  let client: MemoryClient;
  let server: Awaited<ReturnType<typeof serveForTest>>;
  let session: McpSession;

  beforeAll(async () => {
    home = await temporaryFolder();
    website = createServer((request, response) => response.end(`A page about ${request.url}`));
    await new Promise<void>((resolve) => website.listen(0, "127.0.0.1", resolve));
    pages = `http://pages.test:${(website.address() as AddressInfo).port}`;
    const publicGuard = { resolve: async () => ["127.0.0.1"], isPublic: () => true, allowsPort: () => true };
    client = openMemoryClient({ home: home.path, log: createLogger({ level: "silent" }), publicGuard });
    server = await serveForTest({ openClient: async () => client, consent: { archive: "allow" } });
    session = await connect(server, "auto");
  });
  afterAll(async () => {
    await session[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    website.close();
    await home[Symbol.asyncDispose]();
  });

  test.each(cases)(
    "$tool",
    async (one) => {
      const items = [{ text: "tea on the roof" }, { text: "Ana's billing" }];
      const { stored } = await client.store({ items, dedupe: false });
      await fuzz(
        one,
        stored.map(({ id }) => id),
        client,
        session,
      );
    },
    600_000,
  );
});

describe(`${runs} calls of each tool that reaches beyond memories`, () => {
  const client = new KeyedClient();
  let bench: RelayBench;
  let session: McpSession;

  beforeAll(async () => {
    bench = await RelayBench.open(async () => ({ rateLimit: { burst: 1e6, perSecond: 1e6 } }));
    await post(bench.gateway, (await bench.kit.ranking({ cosigners: bench.kit.validators.slice(1) })).text);
    session = await bench.session(await bench.home(), { openClient: async () => client });
  });
  afterAll(async () => {
    await session[Symbol.asyncDispose]();
    await bench[Symbol.asyncDispose]();
  });

  test.each(farCases)(
    "$tool",
    async (one) => {
      const { stored } = await client.store({ items: [{ text: "tea on the roof" }, { text: "Ana" }], public: true });
      await fuzz(
        one,
        stored.map(({ id }) => id),
        client,
        session,
      );
    },
    600_000,
  );
});
