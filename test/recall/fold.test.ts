import { describe, expect, it } from "vitest";
import { type Said, saidIn, saysAll } from "../../src/node/client/recall/fold.ts";
import { inZone } from "../support/in-zone.ts";

const said = (text: string, more: { readonly speaker?: string; readonly at?: number } = {}): Said => {
  const found = saidIn({ text, at: 0, ...more });
  if (!found) throw new Error("nothing is said");
  return found;
};
const folds = (shown: string, other: string): boolean => saysAll(said(shown), said(other));
const DAY = 86_400_000;

describe("saying the same", () => {
  it.each([
    ["The user prefers dark mode.", "User prefers dark mode"],
    ["Marta booked the ferry to Naxos.", "marta BOOKED a ferry to Naxos!"],
    ["The invoices of the printer are overdue.", "The invoice of the printer is overdue."],
    ["Our flight to Oslo leaves at 6:40 from terminal two.", "Our flight to Oslo leaves at 6:40 from terminal"],
  ])("%s says all of: %s", (shown, other) => {
    expect(folds(shown, other)).toBe(true);
  });

  it.each([
    ["The flight leaves at 6:40 from terminal two.", "The flight leaves at 7:40 from terminal two."],
    ["Marta booked the ferry to Naxos.", "Marta booked the ferry to Paros."],
    [
      "I do not like swimming in the cold sea in winter with Bob.",
      "I like swimming in the cold sea in winter with Bob.",
    ],
    [
      "I like swimming in the cold sea in winter with Bob.",
      "I don't like swimming in the cold sea in winter with Bob.",
    ],
    ["Nobody told the people of the town about the flood.", "Told the people of the town about the flood."],
    ["Alice told Bob about the flood.", "Bob told Alice about the flood."],
    ["Call him before lunch on the red phone.", "Call him after lunch on the red phone."],
    ["User prefers dark mode", "User prefers dark mode in the editor and the terminal"],
    ["The parser is written in C#.", "The parser is written in C++."],
    ["Vaccines must stay at 5 degrees.", "Vaccines must stay at -5 degrees."],
    ["Ann trinkt am Morgen nicht gern Kaffee.", "Ann trinkt am Morgen gern Kaffee."],
    ["Он не любит пить зелёный чай утром.", "Он любит пить зелёный чай утром."],
    ["Lunch costs less than 50 dollars there.", "Lunch costs more than 50 dollars there."],
    ["He owes me the rent of May.", "She owes me the rent of May."],
    ["My sister is allergic to nuts.", "Your sister is allergic to nuts."],
    ["All servers were patched on time.", "Some servers were patched on time."],
    ["The ticket costs $500.", "The ticket costs €500."],
    ["The check is x = 5 there.", "The check is x != 5 there."],
    ["We almost bought the yellow house by the lake.", "We bought the yellow house by the lake."],
    ["The team meets on Monday in room four unless nobody", "The team meets on Monday in room four"],
    ["Dinner was good, and then we all went home by the late train.", "Dinner was good."],
  ])("%s does not say all of: %s", (shown, other) => {
    expect(folds(shown, other)).toBe(false);
  });

  it("who says it matters", () => {
    const text = "I adopted a puppy.";
    expect(saysAll(said(text, { speaker: "Ann" }), said(text, { speaker: "Bob" }))).toBe(false);
    expect(saysAll(said(text, { speaker: "Ann" }), said(text, { speaker: "Ann" }))).toBe(true);
  });

  it("when it is said matters where the words depend on it", () => {
    const on = (text: string, at: number): Said => said(text, { at });
    expect(saysAll(on("I ran ten miles today", 0), on("I ran ten miles today", 3 * DAY))).toBe(false);
    expect(saysAll(on("I ran ten miles today", 0), on("I ran ten miles today", DAY / 2))).toBe(true);
    expect(saysAll(on("The key is in the shed", 0), on("The key is in the shed", 3 * DAY))).toBe(true);
  });

  it("the day it is said on is that of the zone here", () => {
    inZone("America/Los_Angeles");
    const on = (at: string): Said => said("I ran ten miles today", { at: Date.parse(at) });
    expect(saysAll(on("2026-11-29T04:00:00Z"), on("2026-11-29T09:00:00Z"))).toBe(false);
    expect(saysAll(on("2026-11-29T04:00:00Z"), on("2026-11-28T09:00:00Z"))).toBe(true);
  });

  it("a long text, or one without words, is like no other", () => {
    expect(saidIn({ text: "word ".repeat(401), at: 0 })).toBeUndefined();
    expect(saidIn({ text: "…!", at: 0 })).toBeUndefined();
  });
});
