import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { principalHome } from "../../src/mcp/tokens.ts";
import type { Memory } from "../../src/node/client/memory.ts";
import { ago } from "../../src/node/commands/show.ts";
import { engram, engramJson, errorOf, temporaryFolder } from "./engram.ts";

interface Stored {
  readonly stored: readonly { readonly id: string; readonly deduped?: true }[];
}
interface Items {
  readonly items: readonly Memory[];
  readonly missing: readonly string[];
}

test("a memory is stored, recalled, shown, listed and forgotten", async () => {
  const home = join(await temporaryFolder(), "home");
  const about = [
    "--speaker",
    "Mara",
    "--at",
    "2026-03-03T09:12:00Z",
    "--session",
    "s",
    "--metadata",
    '{"topic":"shop"}',
  ];
  const words = ["The", "spare", "key", "hangs", "behind", "the", "blue", "frame"];
  const first = await engramJson<Stored>(home, ["store", ...words, ...about]);
  const id = first.stored[0]?.id ?? "";
  expect(id).toMatch(/^m_[a-z2-7]{16}$/);
  const again = await engramJson<Stored>(home, ["store", "-", ...about], `${words.join(" ")}\n`);
  expect(again.stored).toEqual([expect.objectContaining({ id, deduped: true })]);

  const { hits } = await engramJson<{ hits: Memory[] }>(home, ["query", "where", "is", "the", "key?"]);
  expect(hits[0]).toMatchObject({ id, speaker: "Mara", session: "s", tier: "own" });
  const filtered = await engram(home, ["query", "key", "--filter", '{"topic":"travel"}']);
  expect(filtered).toMatchObject({ code: 0, stdout: expect.not.stringContaining("spare") });

  const got = await engramJson<Items>(home, ["get", id.slice(0, 12)]);
  expect(got.items[0]).toMatchObject({ id, text: words.join(" "), metadata: { topic: "shop" }, at: 1772529120000 });
  const listed = await engram(home, ["list", "--order", "oldest"]);
  expect(listed).toMatchObject({ code: 0, stderr: "" });
  expect(listed.stdout).toContain("Mara: The spare key");

  expect(await engramJson(home, ["delete", id])).toMatchObject({ deleted: [id], missing: [], local: true });
  const gone = await engram(home, ["get", id, "--json"]);
  expect(gone.code).toBe(1);
  expect(JSON.parse(gone.stdout)).toEqual({ items: [], missing: [id] });
  expect(errorOf(gone)).toMatchObject({ code: "NOT_FOUND", fix: expect.stringContaining("engram list") });
});

test("times without a zone are those of the machine, and so are those shown", async () => {
  const home = join(await temporaryFolder(), "home");
  const here = (...args: string[]) => engram(home, args, "", { TZ: "America/Los_Angeles" });
  for (const [text = "", at = ""] of [
    ["Ate ramen", "2026-11-28T20:00"],
    ["Ate soup", "2026-11-27"],
    ["Ate rice", "2026-11-26T23:00:00Z"],
  ]) {
    expect(await here("store", text, "--at", at)).toMatchObject({ code: 0 });
  }
  const { stdout } = await here("list", "--json");
  const { items } = JSON.parse(stdout) as Items;
  expect(items.map(({ at }) => new Date(at).toISOString()).sort()).toEqual([
    "2026-11-26T23:00:00.000Z",
    "2026-11-27T08:00:00.000Z",
    "2026-11-29T04:00:00.000Z",
  ]);
  const listed = (await here("list")).stdout;
  for (const shown of ["2026-11-28 20:00 (", "2026-11-27 00:00 (", "2026-11-26 15:00 ("])
    expect(listed).toContain(shown);
});

test("spans are told to the nearest unit", () => {
  const day = 86_400_000;
  const shown = [30 * day - 5, 7 * day - 5, 45 * day, 90 * day - 5, 400 * day, 731 * day, 100_000, 5].map((span) =>
    ago(span, 0),
  );
  expect(shown).toEqual([
    ...["in 30 days", "in 7 days", "in 45 days", "in 3 months", "in 13 months", "in 2 years", "in 2 minutes"],
    "just now",
  ]);
  expect([ago(-day - 5, 0), ago(-36e5, 0)]).toEqual(["1 day ago", "1 hour ago"]);
});

test("remember and forget are the same as store and delete, and the help has both", async () => {
  const home = join(await temporaryFolder(), "home");
  const { stored } = await engramJson<Stored>(home, ["remember", "Beans want poles"]);
  const id = stored[0]?.id ?? "";
  expect(await engramJson(home, ["forget", id])).toMatchObject({ deleted: [id] });
  expect((await engram(home, ["--help"])).stdout).toMatch(/store\|remember [\s\S]*delete\|forget /);
  expect((await engram(home, ["forget", "--help"])).stdout).toContain("engram delete|forget [options] [id...]");
});

test("a memory's time may be a day as questions say it, and what names no time is refused", async () => {
  const home = join(await temporaryFolder(), "home");
  const dayBefore = (moment: number) => new Date(moment).setHours(0, 0, 0, 0) - 86_400_000;
  const begun = dayBefore(Date.now());
  await engramJson(home, ["store", "Ate ramen", "--at", "yesterday"]);
  const { items } = await engramJson<Items>(home, ["list"]);
  expect([begun, dayBefore(Date.now())]).toContain(items[0]?.at);
  for (const text of ["last week", "Nov 17", "yesterday 5"]) {
    const { code, stderr } = await engram(home, ["store", "Ate soup", "--at", text]);
    expect(code, text).toBe(2);
    expect(stderr).toContain('It must be a time such as "2026-03-03T09:12:00Z", or a day such as "last Friday".');
  }
});

test("namespaces are made, filled and shown; status and doctor tell about them", async () => {
  const home = join(await temporaryFolder(), "home");
  await engramJson(home, ["namespaces", "create", "garden"]);
  await engramJson(home, ["store", "Beans want poles", "--namespace", "garden", "--ttl", "30d"]);
  const { namespaces } = await engramJson<{ namespaces: object[] }>(home, ["namespaces"]);
  expect(namespaces).toContainEqual(expect.objectContaining({ name: "garden", visibility: "private", memories: 1 }));
  const { items } = await engramJson<Items>(home, ["list", "--namespace", "garden"]);
  expect((items[0]?.expiresAt ?? 0) - (items[0]?.createdAt ?? 0)).toBe(30 * 86_400_000);
  expect(await engramJson(home, ["status"])).toMatchObject({ home, memories: 1, backup: "never made" });
  const doctor = await engramJson<{ ok: boolean; checks: { name: string; state: string }[] }>(home, ["doctor"]);
  expect(doctor.ok).toBe(true);
  const names = doctor.checks.map(({ name }) => name);
  for (const name of [
    "node",
    "packages",
    "versions",
    "gateway",
    "relay",
    "payment",
    "ports",
    "location",
    "disk",
    "permissions",
    "wallet",
    "data",
    "chain",
    "embedder",
    "miners",
    "clock",
  ]) {
    expect(names).toContain(name);
  }
  expect(doctor.checks.find(({ name }) => name === "wallet")).toMatchObject({ state: "warning" });

  // What is typed one by one is not told together: its words do not count for its neighbours.
  await engramJson(home, ["store", "The gate squeaks", "--namespace", "garden"]);
  const byWords = await engramJson<{ hits: Memory[] }>(home, ["query", "beans", "--mode", "keyword"]);
  expect(byWords.hits.map(({ text }) => text)).toEqual(["Beans want poles"]);
});

test("doctor refuses a folder that a sync program copies, and creates nothing there", async () => {
  const home = join(await temporaryFolder(), "Dropbox", "engram");
  const sick = await engram(home, ["doctor"]);
  expect(sick.code).toBe(1);
  expect(sick.stdout).toMatch(/BROKEN +location/);
  expect(sick.stdout).toContain("ENGRAM_HOME");
  expect((await engram(home, ["doctor", "--json", "--home", home])).stdout).toContain('"state":"broken"');
});

test("forgetting more than twenty memories needs a person's approval, once", async () => {
  const home = join(await temporaryFolder(), "home");
  const lines = Array.from({ length: 21 }, (_, i) => JSON.stringify({ text: `note ${i}`, namespace: "notes" }));
  expect(await engramJson(home, ["import", "-"], lines.join("\n"))).toMatchObject({ stored: 21 });
  const forget = ["delete", "--namespace", "notes", "--json"];

  const refused = await engram(home, forget);
  expect(refused).toMatchObject({ code: 3, stdout: "" });
  expect(errorOf(refused)).toMatchObject({ code: "CONSENT_REQUIRED", message: expect.stringContaining("21") });
  const code = /engram approve (\w+)/.exec(errorOf(refused).fix ?? "")?.[1] ?? "";
  expect((await engramJson<Items>(home, ["list", "--namespace", "notes", "--limit", "50"])).items).toHaveLength(21);

  const approved = await engram(home, ["approve", code.toUpperCase()]);
  expect(approved).toMatchObject({ code: 0, stdout: expect.stringContaining("21 memories") });
  const done = await engram(home, forget);
  expect(done.code).toBe(0);
  expect((JSON.parse(done.stdout) as { deleted: string[] }).deleted).toHaveLength(21);
  const unknown = await engram(home, ["approve", code, "--json"]);
  expect(unknown.code).toBe(1);
  expect(errorOf(unknown).code).toBe("APPROVAL_UNKNOWN");
});

test("a code that an agent with a token of its own was given is approved from the server's folder", async () => {
  const home = join(await temporaryFolder(), "home");
  const own = principalHome(home, "ana");
  const lines = Array.from({ length: 21 }, (_, i) => JSON.stringify({ text: `note ${i}` }));
  await engramJson(own, ["import", "-"], lines.join("\n"));
  const forget = ["delete", "--namespace", "main", "--json"];
  const code = /engram approve (\w+)/.exec(errorOf(await engram(own, forget)).fix ?? "")?.[1] ?? "";
  expect(errorOf(await engram(home, ["approve", "aaaaaaaa", "--json"])).code).toBe("APPROVAL_UNKNOWN");
  expect(await engram(home, ["approve", code])).toMatchObject({ code: 0 });
  expect((await engram(own, forget)).code).toBe(0);
});

test("a text that holds a key is not published, and its key is not repeated", async () => {
  const home = join(await temporaryFolder(), "home");
  const key = "AKIAQWERTYUIOPASDFGH";
  const refused = await engram(home, ["store", `the key is ${key}`, "--public", "--json"]);
  expect([refused.code, errorOf(refused).code]).toEqual([3, "SECRET_FOUND"]);
  const imported = await engram(home, ["import", "-"], JSON.stringify({ text: `key ${key}`, visibility: "public" }));
  expect(imported).toMatchObject({ code: 1, stderr: expect.stringContaining("line 1: ") });
  expect(refused.stderr + imported.stdout + imported.stderr).not.toContain(key);
  const published = await engramJson<Stored>(home, ["store", "the shop opens at nine", "--public"]);
  expect(await engramJson<Items>(home, ["get", published.stored[0]?.id ?? ""])).toMatchObject({
    items: [{ visibility: "public" }],
  });
});

test("damaged data ends every command with what to do, and is left as it is", async () => {
  const home = await temporaryFolder();
  const garbage = randomBytes(100_000);
  await writeFile(join(home, "memory.db"), garbage, { mode: 0o600 });
  for (const args of [["status"], ["store", "text"], ["export"]]) {
    const outcome = await engram(home, [...args, "--json"]);
    expect([outcome.code, outcome.stdout, errorOf(outcome).code]).toEqual([1, "", "DATA_UNREADABLE"]);
  }
  const doctor = await engram(home, ["doctor"]);
  expect(doctor).toMatchObject({ code: 1, stdout: expect.stringContaining("engram restore") });
  expect(await readFile(join(home, "memory.db"))).toEqual(garbage);
});
