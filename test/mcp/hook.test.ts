import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { EngramError } from "../../src/crypto/errors.ts";
import { rememberSession } from "../../src/mcp/hooks/remember-session.ts";
import { sessionFolder } from "../../src/mcp/hooks/session-folder.ts";
import { readTranscript } from "../../src/mcp/hooks/transcript.ts";
import type { MemoryClient, MemoryId } from "../../src/node/client/memory.ts";
import { checkItems } from "../../src/node/client/memory-input.ts";
import { engram, engramJson, temporaryFolder } from "../cli/engram.ts";

const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const turn = (type: string, content: unknown, more: object = {}) =>
  line({ type, message: { role: type, content }, timestamp: "2026-11-29T09:00:00.000Z", ...more });

const TRANSCRIPT = [
  line({ type: "summary", summary: "a summary" }),
  turn("user", "We keep the deploy key of the harbour project in the blue safe."),
  turn("assistant", [
    { type: "thinking", thinking: "hidden" },
    { type: "text", text: "Noted: the blue safe holds the deploy key." },
    { type: "tool_use", name: "Bash", input: {} },
  ]),
  turn("user", [{ type: "tool_result", content: "file contents" }]),
  turn("user", "<command-name>/clear</command-name>"),
  turn("user", "meta text that nobody said", { isMeta: true }),
  turn("assistant", "text of an agent beside", { isSidechain: true }),
  turn("user", "ok"),
  turn("user", "The token is ghp_abcdefghijklmnopqrstuvwxyz0123456789, remember it."),
  "this is no JSON\n",
].join("");

test("of a transcript, what was said is read, the last turns, and nothing else", async () => {
  async function* source() {
    yield Buffer.from(TRANSCRIPT);
  }
  const said = await readTranscript(source(), 3);
  expect(said.map(({ speaker, text: words }) => [speaker, words.slice(0, 12)])).toEqual([
    ["assistant", "Noted: the b"],
    ["user", "ok"],
    ["user", "The token is"],
  ]);
  expect(said[0]?.at).toBe(Date.UTC(2026, 10, 29, 9));
});

test("what a session left is there when the next one begins, once, without what looks like a key", async () => {
  const home = await temporaryFolder();
  const transcript_path = join(home, "transcript.jsonl");
  await writeFile(transcript_path, TRANSCRIPT);
  const input = JSON.stringify({ session_id: "s1", cwd: "/somewhere/harbour", transcript_path, extra: 1 });
  const empty = await engram(home, ["mcp", "hook", "session-start"], input);
  expect([empty.code, empty.stdout, empty.stderr]).toEqual([0, "", ""]);
  const first = await engram(home, ["mcp", "hook", "session-end"], input);
  expect([first.code, first.stdout]).toEqual([0, ""]);
  expect(first.stderr).toContain(
    "2 stored, 0 there already, 2 left out: 1 shorter than 12 characters, 1 with something like a key",
  );
  expect((await engram(home, ["mcp", "hook", "session-end"], input)).stderr).toContain("0 stored, 2 there already");
  const { items } = await engramJson<{ items: { speaker: string; session: string; metadata: object }[] }>(home, [
    "list",
  ]);
  const metadata = await sessionFolder("/somewhere/harbour");
  expect(items).toMatchObject([
    { speaker: "assistant", session: "s1", metadata },
    { speaker: "user", session: "s1", metadata },
  ]);
  const next = await engram(
    home,
    ["mcp", "hook", "session-start"],
    JSON.stringify({ session_id: "s2", cwd: "/somewhere/harbour" }),
  );
  const { hookSpecificOutput } = JSON.parse(next.stdout);
  expect(hookSpecificOutput.hookEventName).toBe("SessionStart");
  expect(hookSpecificOutput.additionalContext).toContain("never instructions");
  expect(hookSpecificOutput.additionalContext).toContain("blue safe");
  expect(hookSpecificOutput.additionalContext).not.toContain("ghp_");
});

test("a turn that cannot be stored keeps none of the others out, and is counted", async () => {
  const home = await temporaryFolder();
  const transcript_path = join(home, "transcript.jsonl");
  const lines = [
    turn("user", "half a character was cut: \ud83d"),
    turn("assistant", "a whole book ".repeat(10_000)),
    turn("user", "the last turn of the session"),
  ];
  await writeFile(transcript_path, lines.join(""));
  const told = JSON.stringify({ session_id: "s1", cwd: "/x/harbour", transcript_path });
  const { stderr } = await engram(home, ["mcp", "hook", "session-end"], told);
  expect(stderr).toBe("engram: 2 stored, 0 there already, 1 left out: 1 longer than 100,000 characters\n");
});

test("more than one call takes is stored in several, and of a refused call all but the turn to blame", async () => {
  const stored: string[] = [];
  const store: MemoryClient["store"] = async (input) => {
    const texts = checkItems(input, "s1").map(({ text: words }) => words);
    if (texts.some((words) => words.startsWith("bad"))) throw new EngramError("INPUT_INVALID", "this text is bad");
    stored.push(...texts);
    return { stored: texts.map(() => ({ id: "m" as MemoryId })), replicas: { have: 0, target: 0, possible: 0 } };
  };
  const said = Array.from({ length: 70 }, (_, index) => ({
    speaker: "user" as const,
    text: `${index === 30 ? "bad" : "good"} turn ${index} ${index < 15 ? "words ".repeat(15_000) : ""}.`,
  }));
  const { leftOut, ...kept } = await rememberSession(
    { store },
    { namespace: undefined, project: "p", folder: "f" },
    "s1",
    said,
  );
  expect(kept).toEqual({ stored: 69, deduped: 0 });
  expect(leftOut).toEqual({ short: 0, long: 0, secret: 0, refused: 1 });
  expect(stored).toEqual(said.map(({ text: words }) => words).toSpliced(30, 1));
});

test("a folder is known by its path, through links too, and the path is not told", async () => {
  const parent = await temporaryFolder();
  const [one, other, link] = [
    join(parent, "a", "harbour"),
    join(parent, "b", "harbour"),
    join(parent, "link"),
  ] as const;
  await mkdir(one, { recursive: true });
  await symlink(one, link);
  const { project, folder } = await sessionFolder(one);
  expect([project, folder]).toEqual(["harbour", expect.stringMatching(/^[0-9a-f]{16}$/)]);
  expect(await sessionFolder(link)).toEqual({ project: "link", folder });
  const gone = await sessionFolder(other);
  expect(gone.project).toBe("harbour");
  expect(gone.folder).not.toBe(folder);
  expect((await sessionFolder("/")).project).toBe("/");
});

test("a session hears of its own folder alone, with its name and the time", async () => {
  const home = await temporaryFolder();
  const metadata = await sessionFolder("/x/harbour");
  const elsewhere = [
    { text: "Ada's birthday is on the ninth of May" },
    { text: "The harbour office opens at seven", metadata: { project: "office" } },
    { text: "A note on the harbour for the team", namespace: "team", metadata },
    { text: "Stored when folders were told by name", metadata: { project: "harbour" } },
    { text: "Another harbour is dredged in May", metadata: await sessionFolder("/y/harbour") },
  ];
  await engramJson(home, ["import", "-"], elsewhere.map(line).join(""));
  const start = (cwd: string, ...more: string[]) =>
    engram(home, ["mcp", "hook", "session-start", ...more], JSON.stringify({ session_id: "s2", cwd }));
  const empty = await start("/x/harbour");
  expect([empty.code, empty.stdout, empty.stderr]).toEqual([0, "", ""]);
  expect((await start("/x/harbour", "-n", "nobody's")).stdout).toBe("");
  const root = await start("/");
  expect([root.code, root.stdout, root.stderr]).toEqual([0, "", ""]);
  await engramJson(home, ["store", "The cranes are painted in June", "--metadata", JSON.stringify(metadata)]);
  const context = JSON.parse((await start("/x/harbour")).stdout).hookSpecificOutput.additionalContext;
  const recalled = context.split("\n").filter((line: string) => line.startsWith("{"));
  expect(recalled.map((line: string) => JSON.parse(line))).toMatchObject([
    { text: "The cranes are painted in June", project: "harbour", at: expect.any(String), age: "0m" },
  ]);
});

test("a hook never fails the session it is called for", async () => {
  const home = await temporaryFolder();
  const missing = join(home, "none.jsonl");
  const told = (transcript_path: string) => JSON.stringify({ session_id: "s", transcript_path });
  for (const [input, why] of [
    ["", "the hook's input is not"],
    ["no JSON", "the hook's input is not"],
    ["{}", "the hook's input is not"],
    [told(missing), `no transcript was found at ${missing} (TRANSCRIPT_NOT_FOUND)`],
    [told(home), "the transcript cannot be read: EISDIR"],
  ] as const) {
    const outcome = await engram(home, ["mcp", "hook", "session-end"], input);
    expect([outcome.code, outcome.stdout]).toEqual([0, ""]);
    expect(outcome.stderr).toMatch(/^engram: .+\n$/);
    expect(outcome.stderr).toContain(why);
  }
});

test("the snippet names the folder that ENGRAM_HOME names, and is laid out for a person", async () => {
  const home = join(await temporaryFolder(), "data");
  const { stdout } = await engram(home, ["mcp", "hook", "snippet"]);
  expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`);
  const { SessionStart, SessionEnd } = JSON.parse(stdout).hooks;
  for (const [{ hooks }] of [SessionStart, SessionEnd]) expect(hooks[0].command).toContain(` --home ${home}`);
  const unset = await engram("", ["mcp", "hook", "snippet"]);
  expect(unset.stdout).not.toContain("--home");
});

test("the snippet's own commands run from any shell", async () => {
  const home = join(await temporaryFolder(), "it's here");
  const { stdout } = await engram(home, ["mcp", "hook", "snippet", "--home", home, "-n", "two words"]);
  const [{ hooks }] = JSON.parse(stdout).hooks.SessionStart;
  const { PATH = "" } = process.env;
  const child = spawn("sh", ["-c", hooks[0].command], { env: { PATH } });
  child.stdin.end('{"session_id":"s"}');
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, "exit"), text(child.stdout)]);
  expect([code, errors]).toEqual([0, ""]);
});
