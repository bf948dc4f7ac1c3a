import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UseLiteEmbedder } from "../../src/node/embedding/use-lite.ts";
import { ClientBench, StandingClock } from "../support/client-bench.ts";
import { inZone } from "../support/in-zone.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

/** A model that answers for one text alone. */
class OneText extends TestEmbedder {
  readonly #text: string;

  constructor(text: string) {
    super();
    this.#text = text;
  }

  override async embed(texts: readonly string[]): Promise<Float32Array[]> {
    if (texts.some((text) => text !== this.#text)) throw new Error("the model is down");
    return super.embed(texts);
  }
}

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe("questions", () => {
  test("zero hits say why", async () => {
    const client = bench.open();
    expect(await client.query({ query: "anything" })).toMatchObject({
      hits: [],
      why: expect.stringContaining("stored"),
    });
    await client.store({ namespace: "recipes", items: [{ text: "knead the dough for ten minutes" }] });
    await client.createNamespace({ name: "void" });
    const why = async (input: Partial<Parameters<typeof client.query>[0]>) =>
      (await client.query({ query: "dough", ...input })).why;
    expect(await why({ namespaces: ["recipse"] })).toBe('there is no namespace "recipse"; did you mean "recipes"?');
    expect(await why({ namespaces: ["zzz"] })).toBe('there is no namespace "zzz"');
    expect(await why({ namespaces: ["void"] })).toContain("nothing is stored there");
    expect(await why({ minScore: 1, query: "dough volcano" })).toMatch(/min_score 1; the best score was 0\.\d+/);
    expect(await why({ query: "volcano", mode: "keyword" })).toContain("nothing stored there has to do");
    expect(await why({})).toBeUndefined();
  });

  test("by meaning find what a process stored that ended before it made the vector", async () => {
    const embedder = new TestEmbedder();
    embedder.hold();
    const ended = bench.open({ embedder });
    await ended.store({ items: [{ text: "Ada prefers tea" }] });
    await ended[Symbol.asyncDispose]();
    const client = bench.open();
    expect((await client.query({ query: "tea", mode: "semantic" })).hits).toMatchObject([{ text: "Ada prefers tea" }]);
  });

  test("that find nothing say what has no vector yet", async () => {
    const client = bench.open({ embedder: new OneText("volcano") });
    await client.store({ items: [{ text: "Ada prefers tea" }] });
    expect((await client.query({ query: "volcano", mode: "semantic" })).why).toContain("1 text has no vector yet");
  });

  test("that cannot be embedded are answered by words, and say so", async () => {
    const client = bench.open({ embedder: new OneText("volcano") });
    await client.store({ items: [{ text: "Ada prefers tea" }] });
    const { hits, note } = await client.query({ query: "tea" });
    expect(hits).toMatchObject([{ text: "Ada prefers tea" }]);
    expect(note).toBe("answered by words alone: UNKNOWN, the embedder failed; see engram doctor");
    expect((await client.query({ query: "zebra" })).note).toBe(note);
    expect(client.unembedded()).toBe("UNKNOWN, the embedder failed");
    expect((await client.query({ query: "volcano" })).note).toBeUndefined();
    expect((await client.query({ query: "tea", mode: "keyword" })).note).toBeUndefined();
  });

  test("nobody waits longer than wished for a model that does not answer", async () => {
    const embedder = new TestEmbedder();
    const answer = embedder.hold();
    const client = bench.open({ embedder });
    await client.store({ items: [{ text: "Ada prefers tea" }] });
    await expect(client.settle({ signal: AbortSignal.timeout(50) })).rejects.toThrow("timeout");
    expect(client.unembedded()).toBe("the embedder has not answered yet");
    answer();
    await client.settle();
    expect(client.unembedded()).toBeUndefined();
  });

  test("pages follow one another without repeating, and end", async () => {
    const client = bench.open();
    await client.store({ items: Array.from({ length: 30 }, (_, i) => ({ text: `the red kite number ${i} flies` })) });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.query({ query: "red kite", limit: 8, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.hits.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(30);
    expect(new Set(seen).size).toBe(30);
    const { next } = await client.query({ query: "red kite", limit: 8 });
    await expect(client.query({ query: "blue kite", limit: 8, cursor: next ?? "" })).rejects.toMatchObject({
      code: "CURSOR_INVALID",
    });
  });

  test.each([1, 4])(
    "hits that say the same take one place, and each is reachable from it, in pages of %d",
    async (limit) => {
      const client = bench.open();
      const item = (text: string, session: string) => ({ text, session });
      const kites = Array.from({ length: 12 }, (_, i) => item(`the red kite number ${i} flies`, "kites"));
      const { stored } = await client.store({
        items: [
          ...Array.from({ length: 9 }, (_, i) =>
            item(i % 2 === 0 ? "The red kite nests here." : "the red kite nests here", `s${i}`),
          ),
          ...kites,
        ],
      });
      const shown: string[] = [];
      const folded: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await client.query({ query: "red kite", limit, ...(cursor === undefined ? {} : { cursor }) });
        expect(page.hits).toHaveLength(page.next === undefined ? page.hits.length : limit);
        shown.push(...page.hits.map(({ id }) => id));
        folded.push(...page.hits.flatMap(({ similar = [] }) => similar));
        cursor = page.next;
      } while (cursor !== undefined);
      expect([...shown, ...folded].sort()).toEqual(stored.map(({ id }) => id).sort());
      expect(shown).toHaveLength(13);
      expect((await client.get(folded)).items.map(({ text }) => text.toLowerCase().replace(".", ""))).toEqual(
        Array(8).fill("the red kite nests here"),
      );
    },
  );

  test("what says the same in public and in private is two memories", async () => {
    const client = bench.open();
    const items = [{ text: "The red kite nests here." }];
    await client.store({ items });
    await client.store({ items, public: true });
    const { hits } = await client.query({ query: "red kite", scope: "all" });
    expect(hits.map(({ visibility, similar }) => [visibility, similar]).sort()).toEqual([
      ["private", undefined],
      ["public", undefined],
    ]);
  });

  test("the new comes first when it shall, and later pages go on from the same moment", async () => {
    const clock = new StandingClock();
    const client = bench.open({ clock });
    const now = clock.now();
    const ages = [400, 3, 90, 30, 800];
    const { stored } = await client.store({
      items: ages.map((days, i) => ({
        text: `the kite is in shed ${i}`,
        session: `s${i}`,
        at: now - days * 86_400_000,
      })),
    });
    const question = { query: "where is the kite", recency: 30, limit: 3 };
    const first = await client.query(question);
    clock.advance(86_400_000 * 20);
    const second = await client.query({ ...question, cursor: first.next ?? "" });
    const byAge = [1, 3, 2, 0, 4].map((i) => stored[i]?.id);
    expect([...first.hits, ...second.hits].map(({ id }) => id)).toEqual(byAge);
    expect((await client.query({ ...question, recency: 1 })).hits[0]?.score).toBeLessThan(first.hits[0]?.score ?? 0);
    await expect(client.query({ ...question, recency: 0 })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(client.query({ ...question, recency: 7, cursor: first.next ?? "" })).rejects.toMatchObject({
      code: "CURSOR_INVALID",
    });
  });

  test.each([
    ["2026-11-29T23:27:00Z", "2026-11-29T04:00:00Z", "2026-11-29T09:00:00Z"],
    // Two days after clocks were set back.
    ["2026-11-03T07:30:00Z", "2026-11-02T07:30:00Z", "2026-11-02T08:30:00Z"],
  ])("at %s the days are those of the zone of who asks", async (now, yesterday, today) => {
    inZone("America/Los_Angeles");
    const client = bench.open({ clock: new StandingClock(Date.parse(now)) });
    const items = [yesterday, today].map((at) => ({ text: "I ate ramen", session: at, at: Date.parse(at) }));
    const { stored } = await client.store({ items, dedupe: false });
    const best = async (query: string) => (await client.query({ query })).hits[0]?.id;
    expect(await best("where did I eat ramen yesterday")).toBe(stored[0]?.id);
    expect(await best("where did I eat ramen today")).toBe(stored[1]?.id);
  });

  test("the date that a question names decides between memories that say the same", async () => {
    const client = bench.open({ clock: new StandingClock(Date.parse("2026-11-29T15:00:00Z")) });
    const days = ["2025-11-28", "2026-05-05", "2025-10-12", "2026-10-12", "2026-11-17", "2026-11-22"];
    const items = days.map((day) => ({ text: "I ate ramen", session: day, at: Date.parse(`${day}T12:00:00Z`) }));
    const { stored } = await client.store({ items, dedupe: false });
    const bestDay = async (query: string) => {
      const { hits } = await client.query({ query });
      return days[stored.findIndex(({ id }) => id === hits[0]?.id)];
    };
    expect(await bestDay("did I eat ramen this year in October")).toBe("2026-10-12");
    expect(await bestDay("did I eat ramen between November 18 and November 23")).toBe("2026-11-22");
    expect(await bestDay("did I eat ramen since November 20")).toBe("2026-11-22");
    expect(await bestDay("did I eat ramen on 11/17/2026")).toBe("2026-11-17");
    expect(await bestDay("did I eat ramen on 17/11")).toBe("2026-11-17");
  });

  test("what was stored a moment ago is found by its vector: the question waits for it", async () => {
    const embedder = new TestEmbedder();
    const client = bench.open({ embedder });
    const release = embedder.hold();
    const { stored } = await client.store({ items: [{ text: "sourdough starter in the fridge" }] });
    const asked = client.query({ query: "sourdough starter", mode: "semantic" });
    release();
    expect((await asked).hits.map(({ id }) => id)).toEqual(stored.map(({ id }) => id));
  });

  test("until it has a vector a memory is found by its terms; so too when the model fails", async () => {
    class FailingEmbedder extends TestEmbedder {
      override async embed(): Promise<Float32Array[]> {
        throw new Error("no model");
      }
    }
    const client = bench.open({ embedder: new FailingEmbedder() });
    const { stored } = await client.store({ items: [{ text: "the boiler is in the cellar" }] });
    expect((await client.query({ query: "where is the boiler?" })).hits.map(({ id }) => id)).toEqual([stored[0]?.id]);
    await expect(client.query({ query: "boiler", mode: "semantic" })).rejects.toThrow("no model");
    expect(await client.status()).toMatchObject({ awaitingVectors: 1 });
  });

  test("a text the model refuses is stored, found by its terms and not tried for ever", async () => {
    const client = bench.open();
    await client.store({ items: [{ text: `start ${" ".repeat(5_000)} end of the gap` }] });
    await client.settle();
    expect((await client.status()).awaitingVectors).toBe(0);
    expect((await client.query({ query: "end gap" })).hits).toHaveLength(1);
  });

  test("an aborted question ends with the signal's reason", async () => {
    const client = bench.open();
    const signal = AbortSignal.abort(new Error("no longer wanted"));
    await expect(client.query({ query: "x" }, { signal })).rejects.toThrow("no longer wanted");
  });
});

describe("several clients on one folder", () => {
  test("each finds at once what another stored, and no longer what another forgot", async () => {
    const [one, two] = [bench.open(), bench.open()];
    const { stored } = await one.store({ items: [{ text: "the heron stands in the pond" }] });
    await one.settle();
    const ask = async (client = two) => (await client.query({ query: "heron pond" })).hits.map(({ id }) => id);
    expect(await ask()).toEqual([stored[0]?.id]);
    const more = await two.store({ items: [{ text: "a second heron at the pond" }] });
    await two.settle();
    expect((await ask(one)).sort()).toEqual([stored[0]?.id, more.stored[0]?.id].sort());
    const semantic = await one.query({ query: "second heron", mode: "semantic" });
    expect(semantic.hits[0]?.id).toBe(more.stored[0]?.id);
    await one.delete({ ids: [stored[0]?.id ?? ""] });
    expect(await ask()).toEqual([more.stored[0]?.id]);
    expect(await ask(one)).toEqual([more.stored[0]?.id]);
  });

  test("after a restart the same question has the same answer", async () => {
    const items = Array.from({ length: 60 }, (_, i) => ({
      text: `note ${i} about ${i % 7} birds`,
      session: `s${i % 3}`,
    }));
    const question = { query: "birds note 7", limit: 20 };
    const before = bench.open();
    const { stored } = await before.store({ items });
    await before.query(question);
    await before.delete({ ids: [5, 17, 40].map((i) => stored[i]?.id ?? "") });
    await before.settle();
    const answer = await before.query(question);
    await before[Symbol.asyncDispose]();
    const after = await bench.open().query(question);
    const shape = ({ hits }: typeof answer) => hits.map(({ id, score }) => [id, Math.fround(score)]).sort();
    expect(shape(after)).toEqual(shape(answer));
  });

  test("vectors of another model are never compared, and made anew when they shall be", async () => {
    const before = bench.open({ embedder: new TestEmbedder("model-one") });
    await before.store({ items: [{ text: "the ferry leaves at nine" }] });
    await before.settle();
    await before[Symbol.asyncDispose]();
    const embedder = new TestEmbedder("model-two");
    const after = bench.open({ embedder });
    expect((await after.query({ query: "ferry" })).hits).toHaveLength(1);
    await after.settle();
    expect(embedder.embedded).not.toContain("the ferry leaves at nine");
    expect(await after.status()).toMatchObject({ awaitingVectors: 0, otherModelVectors: 1 });
    expect(await after.reindex()).toEqual({ embedded: 1, left: 0 });
    expect(embedder.embedded).toContain("the ferry leaves at nine");
    expect((await after.query({ query: "the ferry leaves at nine", mode: "semantic" })).hits).toHaveLength(1);
  });
});

describe("languages, with the built-in model", () => {
  test("Chinese, Arabic and German are stored and found", async () => {
    const client = bench.open({ embedder: new UseLiteEmbedder() });
    const { stored } = await client.store({
      items: [
        { text: "我妹妹住在上海，她是一名医生。" },
        { text: "تعيش أختي في القاهرة وتعمل مهندسة." },
        { text: "Meine Schwester wohnt in Köln und fährt gern Straßenbahn." },
        { text: "My brother keeps bees behind his house." },
        { text: "The invoice must be paid by Friday." },
      ],
    });
    const [chinese, arabic, german, english] = stored.map(({ id }) => id);
    const best = async (query: string) => (await client.query({ query, limit: 3 })).hits[0]?.id;
    expect(await best("谁住在上海？")).toBe(chinese);
    expect(await best("من تعيش في القاهرة؟")).toBe(arabic);
    expect(await best("Wer fährt gern Straßenbahn in Köln?")).toBe(german);
    expect(await best("Who in the family is a beekeeper?")).toBe(english);
  });
});
