import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { ask, corpusOf, positions } from "./corpus-of.ts";

const facts = [
  { text: "The spare key hangs behind the blue bicycle.", session: 1 },
  { text: "Marta booked the ferry to Naxos.", session: 2 },
  { text: "The invoice from the printer is overdue.", session: 3 },
];
const flat = [0.2, 0.2, 0.2];

describe("words", () => {
  it("finds the memory that has the question's words, inflected or not", () => {
    expect(positions(ask(corpusOf(facts), "Who books ferries?", { cosine: flat }))[0]).toBe(1);
    expect(positions(ask(corpusOf(facts), "overdue invoices", { mode: "keyword" }))).toEqual([2]);
  });

  it("finds nothing by words nobody used", () => {
    expect(ask(corpusOf(facts), "quarterly earnings", { mode: "keyword" })).toEqual([]);
  });

  it("trusts meaning when the question's words are found by chance alone", () => {
    const found = ask(corpusOf(facts), "Which boat trip to a Greek island is overdue for planning?", {
      cosine: [0.1, 0.6, 0.2],
    });
    expect(positions(found)[0]).toBe(1);
  });

  it("lets words decide where they explain the question, against a better cosine", () => {
    const found = ask(corpusOf(facts), "Where is the spare key of the bicycle?", { cosine: [0.3, 0.5, 0.3] });
    expect(positions(found)[0]).toBe(0);
  });
});

describe("neighbours", () => {
  const talk = [
    { text: "Which instrument does your sister play these days?", speaker: "Ann" },
    { text: "The cello, and rather well.", speaker: "Bob" },
    { text: "Lovely weather, by the way.", speaker: "Ann" },
    { text: "Unrelated remark about taxes.", speaker: "Bob" },
  ];

  it("an answer is found by the words of the question before it", () => {
    const found = ask(corpusOf(talk), "What instrument does Bob's sister play?", { cosine: [0.3, 0.3, 0.3, 0.3] });
    expect(positions(found)[0]).toBe(1);
  });

  it("lends nothing across sessions", () => {
    const apart = corpusOf(talk.map((piece, session) => ({ ...piece, session })));
    expect(positions(ask(apart, "Who plays an instrument?", { mode: "keyword" }))).toEqual([0]);
    expect(positions(ask(corpusOf(talk), "Who plays an instrument?", { mode: "keyword" }))).toContain(1);
  });

  it("a turn between similar turns comes before an equal one alone", () => {
    const pieces = [1, 1, 1, 2].map((session, i) => ({ text: `remark ${i}`, session }));
    const found = ask(corpusOf(pieces), "something else", { cosine: [0.5, 0.4, 0.5, 0.4] });
    expect(positions(found).indexOf(1)).toBeLessThan(positions(found).indexOf(3));
  });
});

describe("speaker and date", () => {
  const said = [
    { text: "I adopted a puppy.", speaker: "Ann", at: Date.UTC(2023, 4, 8), session: 1 },
    { text: "I adopted a puppy.", speaker: "Bob", at: Date.UTC(2023, 6, 2), session: 2 },
  ];
  const cosine = [0.5, 0.5];

  it.each([
    ["When did Ann adopt a puppy?", 0],
    ["When did Bob adopt a puppy?", 1],
    ["Who adopted a puppy in July?", 1],
    ["Who adopted a puppy on 8 May 2023?", 0],
    ["Who adopted a puppy on 2023-07-02?", 1],
  ])("%s", (question, first) => {
    expect(positions(ask(corpusOf(said), question, { cosine }))[0]).toBe(first);
  });

  it("counts back from now only when it knows now", () => {
    const now = Date.UTC(2023, 6, 3, 12);
    expect(positions(ask(corpusOf(said), "What was adopted yesterday?", { cosine, now }))[0]).toBe(1);
    expect(positions(ask(corpusOf(said), "What was adopted yesterday?", { cosine }))[0]).toBe(0);
  });

  it("a name alone finds who bears it; a role names nobody", () => {
    expect(positions(ask(corpusOf(said), "Bob", { mode: "keyword" }))).toEqual([1]);
    const chat = corpusOf([{ text: "hello there", speaker: "user" }]);
    expect(ask(chat, "user", { mode: "keyword" })).toEqual([]);
  });

  it("an unknown time matches no date and breaks nothing", () => {
    const timeless = corpusOf([{ text: "I adopted a puppy." }]);
    expect(ask(timeless, "puppy in May 2023", { cosine: [0.4] })).toHaveLength(1);
  });
});

describe("lists", () => {
  const talk = [
    { text: "What did you paint this time?", session: 1 },
    { text: "Only the fence, as it had to be done.", session: 1 },
    { text: "The paint of the shed should have come off first.", session: 1 },
    { text: "I finished a portrait of my aunt.", session: 2 },
  ];
  const cosine = [0.2, 0.2, 0.2, 0.5];

  it("an item told elsewhere comes before the talk around another, where several are asked for", () => {
    expect(positions(ask(corpusOf(talk), "What has been painted?", { cosine }))[0]).not.toBe(1);
    expect(positions(ask(corpusOf(talk), "What was painted?", { cosine }))[0]).toBe(1);
  });
});

describe("recency", () => {
  const now = Date.UTC(2026, 0, 31);
  const ago = (days: number): number => now - days * 86_400_000;
  const same = [300, 0, 30].map((days, session) => ({ text: "The server is in the cellar.", at: ago(days), session }));

  it.each(["hybrid", "semantic", "keyword"] as const)(
    "of equal memories the newest comes first when asked (%s)",
    (mode) => {
      const options = { cosine: [0.5, 0.5, 0.5], mode, now };
      expect(positions(ask(corpusOf(same), "where is the server?", options))).toEqual([0, 1, 2]);
      expect(positions(ask(corpusOf(same), "where is the server?", { ...options, recency: 30 }))).toEqual([1, 2, 0]);
    },
  );

  it("costs a quarter at the half-life, half at most, and nothing for what is to come", () => {
    const at = [ago(30), ago(100_000), Number.NaN, ago(-10)];
    const pieces = at.map((one, session) => ({ text: `remark ${session}`, at: one, session }));
    const options = { cosine: [0.8, 0.8, 0.8, 0.8], mode: "semantic", now, recency: 30 } as const;
    const found = ask(corpusOf(pieces), "x", options);
    expect(found.map(({ position, score }) => [position, Number(score.toFixed(3))])).toEqual([
      [3, 0.8],
      [0, 0.6],
      [1, 0.4],
      [2, 0.4],
    ]);
  });

  it("does not lift what is new over what answers", () => {
    const pieces = [
      { text: "The spare key hangs behind the blue bicycle.", at: ago(60), session: 1 },
      { text: "The invoice from the printer is overdue.", at: ago(0), session: 2 },
    ];
    const found = ask(corpusOf(pieces), "Where is the spare key?", { cosine: [0.5, 0.2], now, recency: 30 });
    expect(positions(found)[0]).toBe(0);
  });
});

describe("memories", () => {
  it("a memory of several parts comes once, by its best part", () => {
    const parts = corpusOf([
      { text: "First part about gardens.", memory: 0 },
      { text: "Second part about tomatoes.", memory: 0 },
      { text: "Something else.", memory: 1 },
    ]);
    const found = ask(parts, "tomatoes", { cosine: [0.1, 0.3, 0.1] });
    expect(found.map(({ memory }) => memory)).toEqual([0, 1]);
    expect(found[0]?.position).toBe(1);
  });

  it("what is not allowed is not returned, but still answers for its neighbours", () => {
    const talk = corpusOf([{ text: "Where do you keep the passports?" }, { text: "In the green box." }]);
    expect(positions(ask(talk, "passports", { mode: "keyword", allowed: [0, 1] }))).toEqual([1]);
    expect(ask(talk, "passports", { mode: "keyword", allowed: [0, 0] })).toEqual([]);
  });

  it("without a vector a memory keeps its place by words; without any it is ranked by words alone", () => {
    const found = ask(corpusOf(facts), "spare key", { cosine: [Number.NaN, 0.2, 0.2] });
    expect(positions(found)[0]).toBe(0);
    const blind = [Number.NaN, Number.NaN, Number.NaN];
    expect(positions(ask(corpusOf(facts), "spare key", { cosine: blind }))).toEqual([0]);
  });

  it("semantic mode is the cosine and nothing else", () => {
    const found = ask(corpusOf(facts), "spare key", { cosine: [0.1, 0.9, -0.2], mode: "semantic" });
    expect(found.map(({ position, score }) => [position, Number(score.toFixed(3))])).toEqual([
      [1, 0.9],
      [0, 0.1],
    ]);
  });

  it("an empty namespace has no answer", () => {
    expect(ask(corpusOf([]), "anything", { cosine: [] })).toEqual([]);
  });
});

const WORDS = ["apple", "river", "ferry", "May", "Ann", "Bob", "key", "ask?", "2023", "der", "Hund", "船", "the"];
const sentence = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 6 }).map((list) => list.join(" "));
const piece = fc.record({
  text: sentence,
  session: fc.nat({ max: 3 }),
  speaker: fc.constantFrom("Ann", "Bob", "user"),
  at: fc.constantFrom(Number.NaN, Date.UTC(2023, 4, 8), 0),
});
const cosine = fc.oneof(fc.double({ min: -1, max: 1, noNaN: true }), fc.constant(Number.NaN));
const namespace = fc.array(fc.tuple(piece, cosine), { minLength: 1, maxLength: 30 });
const mode = fc.constantFrom("hybrid" as const, "semantic" as const, "keyword" as const);

describe("always", () => {
  property.prop([namespace, sentence, mode])(
    "bounded, sorted, ties by position, each memory once",
    (rows, question, mode) => {
      const corpus = corpusOf(rows.map(([one]) => one));
      const found = ask(corpus, question, { cosine: rows.map(([, value]) => value), mode, limit: 100 });
      expect(new Set(found.map(({ memory }) => memory)).size).toBe(found.length);
      found.forEach(({ score, position }, i) => {
        expect(score > 0 && score <= 1).toBe(true);
        const before = found[i - 1];
        if (before) expect(before.score > score || (before.score === score && before.position < position)).toBe(true);
      });
    },
  );

  property.prop([namespace, sentence, mode, fc.nat({ max: 30 })])(
    "a shorter list is the head of a longer",
    (rows, question, mode, limit) => {
      const corpus = corpusOf(rows.map(([one]) => one));
      const cosine = rows.map(([, value]) => value);
      const all = ask(corpus, question, { cosine, mode, limit: 100 });
      expect(ask(corpus, question, { cosine, mode, limit })).toEqual(all.slice(0, limit));
    },
  );

  it("what much speaks against stays below what nothing speaks for, however little there is", () => {
    const corpus = corpusOf(["apple?", "apple", "apple"].map((text, session) => ({ text, session })));
    const ranked = (cosine: readonly number[]) => positions(ask(corpus, "Hund", { cosine, limit: 10 }));
    expect(ranked([1e-4, 1e-4, 1e-4])).toEqual([1, 2, 0]);
    expect(ranked([1e-2, 1e-4, 1e-4])).toEqual([1, 2, 0]);
  });

  property.prop([namespace, sentence, fc.nat(), fc.double({ min: 0.01, max: 0.5, noNaN: true }), mode])(
    "nearer in meaning is never ranked lower",
    (rows, question, which, more, mode) => {
      const apart = rows.map(([one], session) => ({
        ...one,
        text: one.text.replaceAll(/der|Hund|船/g, "key"),
        session,
      }));
      const corpus = corpusOf(apart);
      const cosine = rows.map(([, value]) => (Number.isNaN(value) ? 0 : value));
      const target = which % rows.length;
      const raised = cosine.map((value, i) => (i === target ? value + more : value));
      const rankOf = (list: readonly number[]): number => {
        const place = positions(ask(corpus, question, { cosine: list, mode, limit: 100 })).indexOf(target);
        return place < 0 ? Number.POSITIVE_INFINITY : place;
      };
      expect(rankOf(raised)).toBeLessThanOrEqual(rankOf(cosine));
    },
  );
});
