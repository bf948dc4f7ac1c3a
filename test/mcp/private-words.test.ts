import { fc, test as property } from "@fast-check/vitest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseConsentRules } from "../../src/mcp/consent.ts";
import type { Memory } from "../../src/node/client/memory.ts";
import { privateOverlap } from "../../src/node/client/private-overlap.ts";
import { FakeMemoryClient } from "../support/fake-memory-client.ts";
import { inference, RelayBench } from "./relay-bench.ts";

const SECRET = "Ana's grandmother hid the silver behind the third brick of the old oven.";

async function* memories(...texts: readonly string[]): AsyncGenerator<Memory> {
  for (const text of texts) yield { id: "m_aaaaaaaaaaaaaaaa", text, visibility: "private" } as Memory;
}

describe("40 characters of a private memory", () => {
  const letters = fc.string({ unit: fc.constantFrom(..."abcdefgh ".split("")), minLength: 40, maxLength: 40 });
  const around = fc.string({ unit: fc.constantFrom(..."XYZ".split("")), maxLength: 90 });

  property.prop([letters.filter((text) => text.trim().length === 40 && !/ {2}/.test(text)), around, around, around])(
    "are found wherever they stand, one fewer is not",
    async (words, left, right, other) => {
      const found = await privateOverlap(`${left}|${words}|${right}`, memories(other, `${other}-${words}-${left}`));
      expect(found.found?.words).toContain(words);
      const fewer = words.slice(1);
      expect((await privateOverlap(`1${fewer}2`, memories(`3${fewer}4`))).found).toBeNull();
    },
  );

  test("count whatever their case, width and white space, and as private ones alone", async () => {
    const told = "SHE SAID:\n\tana's  Grandmother hid the\u00a0silver behind the third ｂｒｉｃｋ!";
    expect((await privateOverlap(told, memories(SECRET))).found?.words).toContain("behind the third brick");
    async function* open(): AsyncGenerator<Memory> {
      for await (const memory of memories(SECRET)) yield { ...memory, visibility: "public" };
    }
    expect((await privateOverlap(told, open())).found).toBeNull();
    // What is told in other words is not found: docs/security.md says so.
    expect((await privateOverlap("The family silver is in the oven, third brick.", memories(SECRET))).found).toBeNull();
  });
});

let bench: RelayBench;
beforeAll(async () => {
  bench = await RelayBench.open();
});
afterAll(() => bench[Symbol.asyncDispose]());

describe("an answer that repeats a private memory", () => {
  const leaking = { ...inference, completion: `I know that ${SECRET.toUpperCase()} So there.` };

  async function session(consent: string) {
    const fake = new FakeMemoryClient({});
    await fake.store({ items: [{ text: "something else" }, { text: SECRET }] });
    const home = await bench.home();
    return {
      fake,
      ...(await bench.session(home, { openClient: async () => fake, consent: parseConsentRules(consent) })),
    };
  }

  test("needs a person who sees the words, also where publishing is allowed", async () => {
    await using one = await session("relay=allow");
    expect((await one.call("engram_relay_submit", { ...inference, completion: "Nothing of anybody's." })).isError).toBe(
      false,
    );
    const { data } = await one.call("engram_relay_submit", leaking);
    expect(data).toMatchObject({ code: "CONSENT_REQUIRED", fix: expect.stringMatching(/engram approve \w{8}/) });
    const code = /approve (\w{8})/.exec(String(data["fix"]))?.[1] ?? "";
    expect((await one.fake.approvals.pending(code))?.summary).toContain("hid the silver behind the third brick");
    expect((await one.call("engram_relay_status")).data["states"]).not.toMatchObject({ parked: 1 });
    await one.fake.approvals.approve(code);
    expect((await one.call("engram_relay_submit", { ...leaking, prompt: "another" })).data).toMatchObject({
      code: "CONSENT_REQUIRED",
    });
    expect((await one.call("engram_relay_submit", leaking)).data).toMatchObject({ job: expect.any(String) });
  });

  test("goes out or not by a rule that says so", async () => {
    await using allowed = await session("relay=allow,repeat=allow");
    expect((await allowed.call("engram_relay_submit", { ...leaking, prompt: "a" })).isError).toBe(false);
    await using denied = await session("relay=allow,repeat=deny");
    expect((await denied.call("engram_relay_submit", { ...leaking, prompt: "b" })).data).toMatchObject({
      code: "CONSENT_DENIED",
    });
  });
});
