import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { ClientBench, StandingClock } from "../support/client-bench.ts";

let bench: ClientBench;
let client: MemoryClient;
const clock = new StandingClock();

beforeAll(async () => {
  bench = await ClientBench.make();
  client = bench.open({ clock, session: "here" });
});
afterAll(() => bench[Symbol.asyncDispose]());

async function storeOne(text: string, rest: Partial<Parameters<MemoryClient["store"]>[0]> = {}) {
  const { stored } = await client.store({ items: [{ text }], ...rest });
  return stored[0] as (typeof stored)[number];
}

const texts = async (namespace: string) => (await client.list({ namespace })).items.map(({ text }) => text);

describe("dedupe", () => {
  test("the same content is one memory; another session, speaker or metadata makes another", async () => {
    const namespace = "dedupe";
    const first = await storeOne("water boils at 100 degrees", { namespace });
    expect(await storeOne("water boils at 100 degrees", { namespace })).toEqual({ id: first.id, deduped: true });
    const others = [
      await storeOne("water boils at 100 degrees", { namespace, session: "elsewhere" }),
      await storeOne("water boils at 100 degrees", { namespace: "dedupe 2" }),
      await storeOne("water boils at 100 degrees", { namespace, dedupe: false }),
    ];
    const { stored } = await client.store({
      namespace,
      items: [
        { text: "water boils at 100 degrees", speaker: "Ada" },
        { text: "water boils at 100 degrees", metadata: { a: 1 } },
      ],
    });
    const ids = [first, ...others, ...stored].map(({ id }) => id);
    expect(new Set(ids).size).toBe(6);
  });

  test("key order does not matter, and two of one call are one", async () => {
    const { stored } = await client.store({
      namespace: "dedupe order",
      items: [
        { text: "twice", metadata: { a: 1, b: 2 } },
        { text: "twice", metadata: { b: 2, a: 1 } },
      ],
    });
    expect(stored[1]).toEqual({ id: stored[0]?.id, deduped: true });
  });

  test("a stored-again copy does not stand in the way when the first is gone", async () => {
    const namespace = "dedupe again";
    const first = await storeOne("to be forgotten", { namespace });
    const copy = await storeOne("to be forgotten", { namespace, dedupe: false });
    await client.delete({ ids: [first.id] });
    const again = await storeOne("to be forgotten", { namespace });
    expect([first.id, copy.id]).not.toContain(again.id);
    expect(await texts(namespace)).toEqual(["to be forgotten", "to be forgotten"]);
  });
});

describe("replace", () => {
  test("the old id answers with the new memory, through several versions", async () => {
    const namespace = "replace";
    const one = await storeOne("lives in Bonn", { namespace });
    const two = await storeOne("lives in Kyoto", { namespace, replaces: one.id });
    const three = await storeOne("lives in Quito", { namespace, replaces: one.id.slice(0, 12) });
    const { items, missing } = await client.get([one.id, two.id, three.id]);
    expect(missing).toEqual([]);
    expect(items).toMatchObject([{ id: three.id, text: "lives in Quito", replaces: two.id }]);
    expect(await texts(namespace)).toEqual(["lives in Quito"]);
    expect((await client.query({ query: "Bonn Kyoto", namespaces: [namespace], mode: "keyword" })).hits).toEqual([]);
    await client.delete({ ids: [one.id] });
    expect((await client.get([one.id, three.id])).missing).toEqual([one.id, three.id]);
  });

  test("with the same content nothing changes; with another memory's content that one stays alone", async () => {
    const namespace = "replace same";
    const one = await storeOne("first", { namespace });
    const two = await storeOne("second", { namespace });
    expect(await storeOne("first", { namespace, replaces: one.id })).toEqual({ id: one.id, deduped: true });
    expect(await storeOne("second", { namespace, replaces: one.id })).toEqual({ id: two.id, deduped: true });
    expect(await texts(namespace)).toEqual(["second"]);
    expect((await client.get([one.id])).items).toMatchObject([{ id: two.id }]);
  });

  test("nothing is stored when there is nothing to replace, or it lies elsewhere", async () => {
    const namespace = "replace wrong";
    const other = await storeOne("elsewhere", { namespace: "replace other" });
    const wrong = (replaces: string) => storeOne("new", { namespace, replaces });
    await storeOne("makes the namespace", { namespace });
    await expect(wrong("m_aaaaaaaaaaaaaaaa")).rejects.toMatchObject({ code: "MEMORY_NOT_FOUND" });
    await expect(wrong(other.id)).rejects.toMatchObject({ code: "REPLACES_OTHER_NAMESPACE" });
    await expect(
      client.store({ namespace, replaces: other.id, items: [{ text: "a" }, { text: "b" }] }),
    ).rejects.toMatchObject({ code: "INPUT_INVALID" });
    expect(await texts(namespace)).toEqual(["makes the namespace"]);
  });
});

describe("lifetime", () => {
  test("what is overdue answers nowhere, at once", async () => {
    const namespace = "ttl";
    const short = await storeOne("parking spot 12", { namespace, ttlSeconds: 60 });
    await storeOne("parking garage North", { namespace });
    expect((await client.get([short.id])).items[0]?.expiresAt).toBe(clock.now() + 60_000);
    clock.advance(60_000);
    expect((await client.get([short.id])).missing).toEqual([short.id]);
    expect(await texts(namespace)).toEqual(["parking garage North"]);
    const { hits } = await client.query({ query: "parking spot 12", namespaces: [namespace] });
    expect(hits.map(({ text }) => text)).toEqual(["parking garage North"]);
    const again = await storeOne("parking spot 12", { namespace });
    expect(again).not.toHaveProperty("deduped");
    expect((await client.get([short.id])).items).toMatchObject([{ id: again.id }]);
  });

  test("a memory that is to live longer is not answered with one that ends sooner", async () => {
    const namespace = "ttl longer";
    const short = await storeOne("the code is 4711", { namespace, ttlSeconds: 60 });
    const longer = await storeOne("the code is 4711", { namespace });
    expect(longer.deduped).toBeUndefined();
    expect(await storeOne("the code is 4711", { namespace, ttlSeconds: 5 })).toEqual({ id: longer.id, deduped: true });
    clock.advance(120_000);
    expect((await client.get([short.id])).items).toMatchObject([{ id: longer.id }]);
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("%s seconds are refused", async (ttlSeconds) => {
    await expect(storeOne("x", { ttlSeconds })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });
});

describe("ids", () => {
  test("a unique beginning of 8 characters is enough, fewer are not", async () => {
    const { id } = await storeOne("found by its beginning");
    expect((await client.get([id.slice(0, 10)])).items).toMatchObject([{ id }]);
    expect((await client.get([` ${id.toUpperCase()} `])).items).toMatchObject([{ id }]);
    expect((await client.get([id.slice(0, 9), "nonsense", "m_%"])).missing).toHaveLength(3);
    await expect(client.get([])).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });
});

describe("sessions", () => {
  test("seq counts within a session, whoever stores at once", async () => {
    const namespace = "sessions";
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => storeOne(`turn ${i}`, { namespace, session: i % 2 ? "odd" : "even" })),
    );
    const { items } = await client.list({ namespace, limit: 100 });
    for (const session of ["odd", "even"]) {
      const seqs = items.filter((item) => item.session === session).map(({ seq }) => seq);
      expect(seqs.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
  });
});

describe("what is refused", () => {
  test.each([
    ["no item", { items: [] }],
    ["blank text", { items: [{ text: " \n" }] }],
    ["long text", { items: [{ text: "x".repeat(100_001) }] }],
    ["half a character", { items: [{ text: "a\ud800b" }] }],
    ["large metadata", { items: [{ text: "x", metadata: { a: "y".repeat(2_001) } }] }],
    ["NaN in metadata", { items: [{ text: "x", metadata: { a: Number.NaN } }] }],
    ["deep metadata", { items: [{ text: "x", metadata: { a: [[[[[[[[[1]]]]]]]]] } }] }],
    ["long speaker", { items: [{ text: "x", speaker: "é".repeat(129) }] }],
    ["a time that is none", { items: [{ text: "x", at: Number.POSITIVE_INFINITY }] }],
  ])("%s", async (_, input) => {
    await expect(client.store({ ...input, namespace: "refused" })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      fix: expect.stringMatching(/\w/),
    });
  });

  test("keys of the metadata are data alone", async () => {
    const metadata = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}');
    const { stored } = await client.store({ namespace: "proto", items: [{ text: "odd keys", metadata }] });
    const [memory] = (await client.get([stored[0]?.id ?? ""])).items;
    expect(JSON.stringify(memory?.metadata)).toBe(JSON.stringify(metadata));
    expect(({} as { polluted?: true }).polluted).toBeUndefined();
  });
});

describe("namespaces", () => {
  test("names are one spelling; the public one is nobody's", async () => {
    await storeOne("composed", { namespace: " Caf\u00e9 " });
    await storeOne("decomposed", { namespace: "Cafe\u0301" });
    expect(await texts("Café")).toEqual(["decomposed", "composed"]);
    await expect(storeOne("x", { namespace: "public" })).rejects.toMatchObject({ code: "NAMESPACE_RESERVED" });
    await expect(storeOne("x", { namespace: "a\u0000b" })).rejects.toMatchObject({ code: "NAMESPACE_NAME_INVALID" });
    await expect(storeOne("x", { namespace: "mine", public: true })).rejects.toMatchObject({
      code: "PUBLIC_NAMESPACE",
    });
  });

  test("a public memory lives in the public namespace and is asked for by scope", async () => {
    const { id } = await storeOne("lighthouses of the Baltic", { public: true });
    expect((await client.get([id])).items).toMatchObject([{ namespace: "public", visibility: "public" }]);
    expect((await client.query({ query: "lighthouses of the Baltic" })).hits.map((hit) => hit.id)).not.toContain(id);
    for (const scope of ["public", "all"] as const) {
      const { hits } = await client.query({ query: "lighthouses of the Baltic", scope });
      expect(hits[0]).toMatchObject({ id, tier: "own" });
    }
  });

  test("plain names are wire names; both kinds do not mix", async () => {
    expect(await client.createNamespace({ name: "plain_one", plainName: true })).toMatchObject({ plainName: true });
    expect(await client.createNamespace({ name: "derived one" })).toEqual({
      name: "derived one",
      visibility: "private",
      memories: 0,
    });
    await expect(client.createNamespace({ name: "plain_one" })).rejects.toMatchObject({ code: "NAMESPACE_EXISTS" });
    await expect(client.createNamespace({ name: "no name", plainName: true })).rejects.toMatchObject({
      code: "NAMESPACE_PLAIN_NAME",
    });
  });

  test("an unknown one is an error that names the nearest", async () => {
    await storeOne("x", { namespace: "projects" });
    for (const ask of [
      () => client.list({ namespace: "projetcs" }),
      () => client.delete({ namespace: "projetcs" }),
      () => client.countForDelete({ namespace: "projetcs" }),
    ]) {
      await expect(ask()).rejects.toMatchObject({
        code: "NAMESPACE_UNKNOWN",
        message: 'there is no namespace "projetcs"; did you mean "projects"?',
      });
    }
  });

  test("one that is forgotten is empty", async () => {
    const namespace = "whole";
    await client.store({ namespace, items: Array.from({ length: 450 }, (_, i) => ({ text: `item number ${i}` })) });
    expect(await client.countForDelete({ namespace })).toBe(450);
    expect((await client.delete({ namespace })).deleted).toHaveLength(450);
    expect((await client.list({ namespace })).items).toEqual([]);
    expect((await client.query({ query: "item number 7", namespaces: [namespace] })).hits).toEqual([]);
  });
});
