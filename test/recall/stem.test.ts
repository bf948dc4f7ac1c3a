import { describe, expect, it } from "vitest";
import { stem } from "../../src/node/client/recall/stem.ts";

/** Pairs from the tables of Porter's paper, and the classes a memory needs. */
const PAIRS = `caresses:caress ponies:poni cats:cat feed:feed agreed:agre plastered:plaster motoring:motor sing:sing
  conflated:conflat troubled:troubl sized:size hopping:hop falling:fall hissing:hiss filing:file happy:happi sky:sky
  relational:relat conditional:condit rational:ration digitizer:digit formaliti:formal triplicate:triplic hopeful:hope
  goodness:good revival:reviv allowance:allow inference:infer adjustable:adjust replacement:replac adoption:adopt
  effective:effect probate:probat rate:rate cease:ceas controlling:control roll:roll playing:plai plays:plai
  generalizations:gener oscillators:oscil analogies:analog`;

describe("stem", () => {
  it.each(
    PAIRS.trim()
      .split(/\s+/)
      .map((pair) => pair.split(":")),
  )("%s becomes %s", (word, root) => {
    expect(stem(word as string)).toBe(root);
  });

  it.each(["", "a", "is", "2023", "naïve", "b2b", "Größe", "船", "собака"])("leaves %j alone", (word) => {
    expect(stem(word)).toBe(word);
  });
});
