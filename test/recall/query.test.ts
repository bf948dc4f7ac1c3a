import { describe, expect, it } from "vitest";
import { dateMatcher, datesIn } from "../../src/node/client/recall/dates.ts";
import { embeddingText } from "../../src/node/client/recall/embedding-text.ts";
import { parseQuery, queryVector } from "../../src/node/client/recall/query.ts";
import { inFirstPerson } from "../../src/node/client/recall/speakers.ts";
import { indexPiece } from "../../src/node/client/recall/terms.ts";

const day = (text: string): number => Date.parse(`${text}T10:00:00Z`);

describe("the first person", () => {
  it.each([
    ["When did Ann move?", "When did I move?"],
    ["What is Ann's job?", "What is my job?"],
    ["What are Chris’ hobbies?", "What are my hobbies?"],
    ["Did Ann Lee call?", "Did I call?"],
    ["when did ann move?", "when did I move?"],
    ["What did Anna say?", "What did Anna say?"],
    ["Will Mark say what may happen?", "Will I say what may happen?"],
    ["What did the user and the assistant do?", "What did the user and the assistant do?"],
  ])("%s → %s", (question, expected) => {
    expect(inFirstPerson(question, ["Ann Lee", "Chris", "Mark", "May", "user", "assistant"])).toBe(expected);
  });

  it("takes a name by its capital when the question has capitals", () => {
    expect(inFirstPerson("Who will mark the exam, and may I see it?", ["Will", "Mark", "May"])).toBe(
      "Who will mark the exam, and may I see it?",
    );
  });

  it("changes nothing where nobody is known, and survives names that are patterns", () => {
    expect(inFirstPerson("What did Ann say?", [])).toBe("What did Ann say?");
    expect(inFirstPerson("What did Ann say?", ["(.*", "\\", "", "🙂"])).toBe("What did Ann say?");
  });
});

describe("parseQuery", () => {
  it("keeps what the question is about, stemmed as memories are", () => {
    expect([...parseQuery("When did she start taking pottery classes?").terms.keys()]).toEqual([
      ...indexPiece({ text: "start taking pottery classes" }).terms.keys(),
    ]);
  });

  it("asks for stop words only when there is nothing else, and for nothing in punctuation", () => {
    expect([...parseQuery("Who am I?").terms.keys()]).toEqual(["who", "am", "i"]);
    expect(parseQuery("?!").terms.size).toBe(0);
  });

  it("embeds a question as question and as statement, a statement once, a foreign one as it is", () => {
    expect(parseQuery("Where is it?").embeddings).toEqual(["Where is it?", "Where is it."]);
    expect(parseQuery("It is here.").embeddings).toEqual(["It is here."]);
    expect(parseQuery("Wo ist der Schlüssel?").embeddings).toEqual(["Wo ist der Schlüssel?"]);
  });

  it.each([
    ["When is it?", true],
    ["How long does it last?", true],
    ["What happened when it rained?", false],
  ])("%s asks for a time: %s", (question, asks) => {
    expect(parseQuery(question).asksWhen).toBe(asks);
  });

  it("bounds the terms of an endless question", () => {
    const endless = Array.from({ length: 5_000 }, (_, i) => `word${i}`).join(" ");
    expect(parseQuery(endless).terms.size).toBe(256);
  });
});

describe("queryVector", () => {
  it("is the unit mean", () => {
    const mean = queryVector([Float32Array.of(1, 0), Float32Array.of(0, 1)]);
    expect(mean?.[0]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(mean?.[1]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  it("is nothing for no vectors, or for opposite ones", () => {
    expect(queryVector([])).toBeUndefined();
    expect(queryVector([Float32Array.of(1, 0), Float32Array.of(-1, 0)])).toBeUndefined();
  });
});

describe("dates", () => {
  it.each([
    ["in May 2023", "2023-05-20", 1.5],
    ["on 8 May, 2023", "2023-05-08", 2.5],
    ["on May 8th", "2021-05-08", 2],
    ["on the 3rd of October", "2021-10-03", 2],
    ["on 2023-05-08", "2023-05-08", 2.5],
    ["in Sept.", "2022-09-30", 1],
    ["in 2022", "2022-01-01", 0.5],
    ["in June", "2023-05-08", 0],
  ])("%s fits %s by %d", (question, date, match) => {
    const mention = datesIn(question);
    expect(mention && dateMatcher(mention)(day(date))).toBe(match);
  });

  it.each([
    "may I ask?",
    "They march on",
    "room 2023:1",
    "12 monkeys",
    "decide",
    "version 1.2023",
    "the marching band",
  ])("%s names no date", (question) => {
    expect(datesIn(question)).toBeUndefined();
  });

  const now = Date.parse("2026-11-22T15:00:00Z");
  it.each([
    ["today", "2026-11-22", "2026-11-21"],
    ["yesterday", "2026-11-21", "2026-11-22"],
    ["last week", "2026-11-12", "2026-11-22"],
    ["last month", "2026-10-20", "2026-11-20"],
    ["three weeks ago", "2026-11-01", "2026-11-20"],
    ["a year ago", "2025-11-22", "2026-11-21"],
    ["10 days ago", "2026-11-12", "2026-11-22"],
  ])("%s means %s and not %s", (question, inside, outside) => {
    const mention = datesIn(`What happened ${question}?`, now);
    expect(mention && dateMatcher(mention)(day(inside))).toBe(1.5);
    expect(mention && dateMatcher(mention)(day(outside))).toBe(0);
    expect(datesIn(`What happened ${question}?`)).toBeUndefined();
  });
});

describe("what is embedded", () => {
  it("names the speaker, where there is one", () => {
    expect(embeddingText({ text: "I moved.", speaker: "Ann" })).toBe("Ann: I moved.");
    expect(embeddingText({ text: "I moved." })).toBe("I moved.");
  });
});
