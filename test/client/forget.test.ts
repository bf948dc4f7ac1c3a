import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ClientBench, StandingClock } from "../support/client-bench.ts";

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(() => bench[Symbol.asyncDispose]());

/** The names of the files below the data folder that hold `word` in any letter case. */
async function filesWith(word: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(bench.home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const content = (await readFile(join(entry.parentPath, entry.name))).toString("latin1").toLowerCase();
    if (content.includes(word.toLowerCase())) found.push(entry.name);
  }
  return found;
}

/** Another process may be reading the log: then its erasure is tried again. */
const SOON = { timeout: 20_000 };

/** A word nothing else contains, in letters that no stemmer shortens. */
const newWord = () =>
  `zq${randomBytes(8)
    .toString("hex")
    .replace(/[aeiouy]/g, "x")}`;

describe("forgetting", () => {
  test("leaves no byte of text, terms, metadata, speaker or session in the data folder", async () => {
    const client = bench.open();
    const words = Array.from({ length: 5 }, newWord);
    const [text, speaker, session, key, value] = words as [string, string, string, string, string];
    const { stored } = await client.store({
      items: [{ text: `about ${text} and more`, speaker, session, metadata: { [key]: value } }],
    });
    await client.store({ items: [{ text: "stays" }] });
    await client.settle();
    await client.query({ query: text });
    for (const word of words) expect(await filesWith(word)).not.toEqual([]);
    await client.delete({ ids: [stored[0]?.id ?? ""] });
    for (const word of words) expect(await filesWith(word)).toEqual([]);
    expect((await client.list({})).items.map((memory) => memory.text)).toEqual(["stays"]);
  });

  test("holds for what was replaced and what is overdue, while another client has the folder open", async () => {
    const clock = new StandingClock();
    const client = bench.open({ clock });
    const other = bench.open({ clock });
    await other.query({ query: "opens the file" });
    const [replaced, overdue] = [newWord(), newWord()];
    const { stored } = await client.store({ items: [{ text: `old ${replaced}` }] });
    await client.store({ items: [{ text: `short ${overdue}` }], ttlSeconds: 1 });
    await client.store({ items: [{ text: "new" }], replaces: stored[0]?.id ?? "" });
    await expect.poll(() => filesWith(replaced), SOON).toEqual([]);
    clock.advance(2_000);
    const third = bench.open({ clock });
    await third.list({});
    await expect.poll(() => filesWith(overdue), SOON).toEqual([]);
  });

  test("holds for what a person was asked about a text, once answered or overdue", async () => {
    const clock = new StandingClock();
    const client = bench.open({ clock });
    const [used, unanswered] = [newWord(), newWord()];
    const { code } = await client.approvals.request("one", `Publish “${used}”`);
    await client.approvals.request("two", `Publish “${unanswered}”`);
    for (const word of [used, unanswered]) expect(await filesWith(word)).toEqual([expect.stringMatching(/^memory/)]);
    expect(await client.approvals.approve(code)).toEqual({ summary: `Publish “${used}”` });
    expect(await client.approvals.consume("one")).toBe(true);
    expect(await filesWith(used)).toEqual([]);
    clock.advance(6 * 60_000);
    // Nobody asks again: the next client that starts takes it away.
    await bench.open({ clock }).list({});
    await expect.poll(() => filesWith(unanswered), SOON).toEqual([]);
  });

  test("of any memories among many, in any order, with long and short texts", async () => {
    const client = bench.open();
    const memories = Array.from({ length: 200 }, (_, i) => Array.from({ length: 1 + ((i * 37) % 300) }, newWord));
    const ids: string[] = [];
    for (let i = 0; i < memories.length; i += 20) {
      const items = memories.slice(i, i + 20).map((words) => ({ text: words.join(" ") }));
      ids.push(...(await client.store({ items })).stored.map(({ id }) => id));
      if (i === 100) await client.settle();
    }
    const gone = memories.map((_, i) => (i * 7919) % 10 < 7);
    for (let i = 0; i < ids.length; i += 50) {
      await client.delete({ ids: ids.slice(i, i + 50).filter((_, n) => gone[i + n]) });
    }
    // Pages that split and merge move entries about: a copy left behind in one would be found here.
    const names = (await readdir(bench.home)).filter((name) => name.startsWith("memory.db"));
    const files = await Promise.all(names.map((name) => readFile(join(bench.home, name))));
    const left = new Set(files.flatMap((bytes) => bytes.toString("latin1").match(/zq[0-9a-z]{16}/g) ?? []));
    const words = (which: boolean) => memories.filter((_, i) => gone[i] === which).flat();
    expect(words(true).filter((word) => left.has(word))).toEqual([]);
    // All but the few that a page's end cuts in two.
    const kept = words(false);
    expect(kept.filter((word) => left.has(word)).length).toBeGreaterThan(kept.length * 0.98);
  });
});
