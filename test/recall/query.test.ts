import { describe, expect, it } from "vitest";
import { embeddingText } from "../../src/node/client/recall/embedding-text.ts";
import { parseQuery, queryVector } from "../../src/node/client/recall/query.ts";
import { inFirstPerson } from "../../src/node/client/recall/speakers.ts";
import { indexPiece } from "../../src/node/client/recall/terms.ts";

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

  it.each([
    ["What has Ann painted?", true],
    ["Where have they camped?", true],
    ["Which books does Ann read?", true],
    ["What outdoor activities do they like?", true],
    ["How many dogs does Ann keep?", true],
    ["What do Ann and Bob both like?", true],
    ["Which song does Ann like?", false],
    ["Which address does Ann have to use?", false],
    ["What does Ann think of it?", false],
    ["What books did Ann read on the train?", false],
    ["How long has Ann lived here?", false],
    ["Which breads of the bakery behind the old station by the river taste good with cheese?", false],
    ["Welche Bücher hat Ann gelesen?", false],
  ])("%s asks for several things: %s", (question, several) => {
    expect(parseQuery(question, { speakers: ["Ann Lee", "Bob"] }).asksForSeveral).toBe(several);
  });

  it("does not count names among the words of a list question", () => {
    const question = "What plants have Anna Maria Smith and Bob grown at home together?";
    expect(parseQuery(question, { speakers: ["Anna Maria Smith", "Bob"] }).asksForSeveral).toBe(true);
    expect(parseQuery(question).asksForSeveral).toBe(false);
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

describe("what is embedded", () => {
  it("names the speaker, where there is one", () => {
    expect(embeddingText({ text: "I moved.", speaker: "Ann" })).toBe("Ann: I moved.");
    expect(embeddingText({ text: "I moved." })).toBe("I moved.");
  });
});

describe("a speaker who is called like a month", () => {
  it("is no date where the name stands alone", () => {
    const dates = (text: string) => parseQuery(text, { speakers: ["June Carter", "April"] }).dates;
    expect(dates("Where does June live?")).toBeUndefined();
    expect(dates("What is April's job?")).toBeUndefined();
    expect(dates("What did April do in June?")).toMatchObject({ months: [5] });
    expect(dates("What did June say on April 3?")).toMatchObject({ days: [{ month: 3, day: 3 }] });
    expect(parseQuery("Where does June live?", { speakers: ["Bob"] }).dates).toMatchObject({ months: [5] });
  });
});
