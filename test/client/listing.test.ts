import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ListInput, MemoryClient } from "../../src/node/client/memory.ts";
import { parseFilter } from "../../src/node/protocol/filter.ts";
import { ClientBench } from "../support/client-bench.ts";

let bench: ClientBench;
let client: MemoryClient;

beforeAll(async () => {
  bench = await ClientBench.make();
  client = bench.open();
  for (const [namespace, count] of [
    ["a", 120],
    ["b", 30],
  ] as const) {
    await client.store({
      namespace,
      items: Array.from({ length: count }, (_, i) => ({
        text: `${namespace} number ${i}`,
        metadata: { i, even: i % 2 === 0, ...(i % 10 === 0 ? { tens: i / 10 } : {}) },
      })),
    });
  }
});
afterAll(() => bench[Symbol.asyncDispose]());

/** Every page of a listing; `between` runs after each. */
async function pages(input: ListInput, between: (page: number) => Promise<void> = async () => undefined) {
  const texts: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 100; page++) {
    const { items, next } = await client.list({ ...input, ...(cursor === undefined ? {} : { cursor }) });
    texts.push(...items.map(({ text }) => text));
    if (next === undefined) return texts;
    cursor = next;
    await between(page);
  }
  throw new Error("the pages do not end");
}

const names = (namespace: string, count: number) => Array.from({ length: count }, (_, i) => `${namespace} number ${i}`);

describe("pages", () => {
  test("every memory once, in both orders, over one namespace and all", async () => {
    expect(await pages({ namespace: "a", order: "oldest", limit: 7 })).toEqual(names("a", 120));
    expect(await pages({ namespace: "a", limit: 50 })).toEqual(names("a", 120).reverse());
    expect(await pages({ order: "oldest", limit: 40 })).toEqual([...names("a", 120), ...names("b", 30)]);
    expect(await pages({ namespace: "b", limit: 30 })).toHaveLength(30);
  });

  test("stores and deletes between the pages neither repeat nor hide a memory", async () => {
    const namespace = "moving";
    const { stored } = await client.store({ namespace, items: names("m", 40).map((text) => ({ text })) });
    const seen = await pages({ namespace, limit: 10 }, async (page) => {
      await client.store({ namespace, items: [{ text: `later ${page}` }] });
      // Deletes the last one already seen and one not seen yet.
      if (page === 0) await client.delete({ ids: [stored[30]?.id ?? "", stored[3]?.id ?? ""] });
    });
    expect(seen).toEqual(
      names("m", 40)
        .reverse()
        .filter((text) => text !== "m number 3"),
    );
  });

  test("a cursor belongs to its question", async () => {
    const { next } = await client.list({ namespace: "a", limit: 5 });
    for (const input of [
      { namespace: "b", cursor: next },
      { namespace: "a", order: "oldest", cursor: next },
    ] as const) {
      await expect(client.list(input as ListInput)).rejects.toMatchObject({ code: "CURSOR_INVALID" });
    }
    for (const cursor of ["", "nonsense", "e30", Buffer.from('["x",1]').toString("base64url")]) {
      await expect(client.list({ namespace: "a", cursor })).rejects.toMatchObject({ code: "CURSOR_INVALID" });
    }
    expect((await client.list({ namespace: "a", limit: 9, cursor: next ?? "" })).items[0]?.text).toBe("a number 114");
  });

  test.each([0, 201, 1.5])("a limit of %s is refused", async (limit) => {
    await expect(client.list({ limit })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });
});

describe("filters", () => {
  test.each([
    [{ i: 7 }, [7]],
    [{ i: { gte: 118 } }, [118, 119]],
    [{ tens: { exists: true }, i: { lt: 30 } }, [0, 10, 20]],
    [{ i: { in: [3, 4, 500] } }, [3, 4]],
    [{ and: [{ even: true }, { i: { gt: 113, lte: 116 } }] }, [114, 116]],
    [{ or: [{ i: 1 }, { tens: 2 }] }, [1, 20]],
    [{ not: { i: { gte: 2 } } }, [0, 1]],
    [{ missing: "x" }, []],
  ])("%j", async (filter, numbers) => {
    const found = await pages({ namespace: "a", order: "oldest", limit: 2, filter: parseFilter(filter) });
    expect(found).toEqual(numbers.map((i) => `a number ${i}`));
  });

  test("a question's filter decides before its limit", async () => {
    const { hits } = await client.query({
      query: "number",
      namespaces: ["a"],
      limit: 3,
      filter: parseFilter({ i: { in: [5, 99] } }),
    });
    expect(hits.map(({ metadata }) => metadata["i"]).sort()).toEqual([5, 99]);
  });
});

describe("export", () => {
  test("everything, oldest first, or one namespace", async () => {
    const texts: string[] = [];
    for await (const { text } of client.export("a")) texts.push(text);
    expect(texts).toEqual(names("a", 120));
    let all = 0;
    for await (const memory of client.export()) all += memory.id.startsWith("m_") ? 1 : 0;
    expect(all).toBeGreaterThanOrEqual(150);
  });
});
