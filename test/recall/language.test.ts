import { describe, expect, it } from "vitest";
import { PieceTrait } from "../../src/node/client/recall/corpus.ts";
import { isForeign } from "../../src/node/client/recall/language.ts";
import { gramTerms, indexPiece } from "../../src/node/client/recall/terms.ts";
import { ask, corpusOf, positions } from "./corpus-of.ts";

const FOREIGN = [
  "我的护照放在书房的绿色盒子里。",
  "جواز سفري في الصندوق الأخضر في المكتب",
  "Mein Reisepass liegt in der grünen Kiste im Arbeitszimmer.",
  "Wo ist mein Reisepass?",
  "Mon passeport est dans la boîte verte.",
  "Mi pasaporte está en la caja verde.",
  "Мой паспорт лежит в зелёной коробке.",
  "パスポートは緑の箱に入っています。",
  "Il mio passaporto è nella scatola verde.",
  "O meu passaporte está na caixa verde, não esqueça.",
];

const ENGLISH = [
  "My passport is in the green box in the study.",
  "Where is my passport?",
  "Café Müller serves the best croissants in São Paulo.",
  "Pizza at Da Michele with Die Ärzte playing in the background",
  "The war in den Haag was over in 1945.",
  "ok",
  "passport green box",
  "12:30 🙂",
  "",
  "Anna's résumé is on the shared drive.",
  "El Niño will be strong this year.",
];

describe("isForeign", () => {
  it.each(FOREIGN)("%s", (text) => expect(isForeign(text)).toBe(true));
  it.each(ENGLISH)("not: %s", (text) => expect(isForeign(text)).toBe(false));
});

describe("foreign texts", () => {
  it("are marked and have word pieces as terms; English ones are not", () => {
    const german = indexPiece({ text: "Der Hund schläft und die Katze auch nicht." });
    expect(german.traits & PieceTrait.foreign).toBe(PieceTrait.foreign);
    expect([...german.terms.keys()].some((term) => term.startsWith("~"))).toBe(true);
    const english = indexPiece({ text: "The dog sleeps and the cat does not." });
    expect(english.traits & PieceTrait.foreign).toBe(0);
    expect([...english.terms.keys()].some((term) => term.startsWith("~"))).toBe(false);
  });

  it("are cut in pairs without blanks, in trigrams with", () => {
    expect(gramTerms("绿色盒子 Hund")).toEqual([
      ["~绿色", "~色盒", "~盒子"],
      ["~_hu", "~hun", "~und", "~nd_"],
    ]);
    expect(gramTerms("船")).toEqual([["~船"]]);
    expect(gramTerms("")).toEqual([]);
  });

  const memories = corpusOf([
    { text: "我的护照放在书房的绿色盒子里。", session: 0 },
    { text: "جواز سفري في الصندوق الأخضر في المكتب", session: 1 },
    { text: "Meine Großmutter züchtet Bienen in der Nähe von Kassel.", session: 2 },
    { text: "我们明天去北京开会。", session: 3 },
    { text: "اشتريت سيارة جديدة من دبي", session: 4 },
    { text: "Der Zug nach Hamburg fährt nicht vor acht Uhr.", session: 5 },
    { text: "The bees are sold in June.", session: 6 },
  ]);
  const cosine = [0.9, 0.1, 0.2, 0.8, 0.9, 0.3, 0.4];

  it.each([
    ["护照在哪里？", 0],
    ["什么时候开会？", 3],
    ["أين جواز السفر؟", 1],
    ["من أين السيارة الجديدة؟", 4],
    ["Wo hat meine Großmutter ihre Biene?", 2],
    ["Wann fahren die Züge nach Hamburg?", 5],
  ])("%s is answered by its words whatever the vectors say", (question, first) => {
    expect(positions(ask(memories, question, { cosine }))[0]).toBe(first);
    expect(positions(ask(memories, question, { mode: "keyword" }))[0]).toBe(first);
  });

  it("a foreign memory's vector counts for nothing in an English question", () => {
    const found = ask(memories, "When are the bees sold?", { cosine });
    expect(positions(found)[0]).toBe(6);
    expect(positions(ask(memories, "When are the bees sold?", { cosine, mode: "semantic" }))).toEqual([6]);
  });

  it("a foreign question that matches nothing finds nothing", () => {
    expect(ask(memories, "Как зовут моего брата?", { cosine })).toEqual([]);
  });
});
