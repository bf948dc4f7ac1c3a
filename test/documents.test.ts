import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { referenceFiles } from "../ops/reference/all.ts";
import pkg from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
const documents: string[] = [];
for await (const path of glob("{*.md,docs/**/*.md,examples/*/*.md}", { cwd: root })) documents.push(path);
documents.sort();
const texts = new Map(await Promise.all(documents.map(async (path) => [path, await read(path)] as const)));
const commands = await declaredCommands();

async function read(path: string): Promise<string> {
  return await readFile(resolve(root, path), "utf8");
}

/** Every command as src/cli.ts declares it, without running it. */
async function declaredCommands(): Promise<ReadonlyMap<string, Command>> {
  const declared = /^ {2}"?([\w-]+)"?: async \(\) =>\s+\(await import\("(\.[^"]+)"\)\)\.(\w+)\(/gm;
  const found = [...(await read("src/cli.ts")).matchAll(declared)];
  const loaded = found.map(async ([, name = "", path = "", build = ""]) => {
    const module = (await import(resolve(root, "src", path))) as Readonly<Record<string, () => Command>>;
    return [name, module[build]?.() as Command] as const;
  });
  const named = await Promise.all(loaded);
  const aliased = named.flatMap(([, command]) => command.aliases().map((alias) => [alias, command] as const));
  return new Map([...named, ...aliased]);
}

/** A heading's anchor, as the hosts of repositories make it. */
function anchorOf(heading: string): string {
  const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[`*]/g, "");
  return plain
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
}

function anchorsIn(text: string): Set<string> {
  const headings = text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#{1,6} (.+)$/gm);
  return new Set([...headings].map(([, heading = ""]) => anchorOf(heading)));
}

function brokenLinks(path: string, text: string): string[] {
  const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return links.filter((target) => {
    if (/^(https?:|mailto:)/.test(target)) return false;
    const [file = "", anchor] = target.split("#");
    const full = file === "" ? resolve(root, path) : resolve(root, dirname(path), file);
    if (!existsSync(full)) return true;
    if (anchor === undefined) return false;
    const known = texts.get(relative(root, full));
    return known !== undefined && !anchorsIn(known).has(anchor);
  });
}

interface Block {
  readonly language: string;
  readonly text: string;
}

function blocksOf(text: string): Block[] {
  const blocks = text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm);
  return [...blocks].map(([, language = "", body = ""]) => ({ language, text: body }));
}

/** The simple commands of a shell block: lines, joined where they go on, split where another command begins. */
function commandsOf({ text }: Block): string[] {
  const lines = text.replace(/\\\n/g, " ").split("\n");
  const bare = lines.map((line) => line.replace(/(^|\s)#.*$/, ""));
  return bare.flatMap((line) => line.split(/&&|\|\||[|;]/)).map((line) => line.trim());
}

/** What is wrong with a command line that a document tells people to type; null for what is not ours. */
function wrongWith(line: string): string | null {
  const words = line.split(/\s+/).filter((word) => !/^[A-Z_]+=/.test(word));
  // Its own options stand behind the server's command.
  if (words.includes("mcp-inspector")) return null;
  const script =
    words[0] === "npm" && words[1] === "run" ? words.find((word, at) => at > 1 && !word.startsWith("-")) : "";
  if (script !== "" && script !== undefined) return Object.hasOwn(pkg.scripts, script) ? null : `no script ${script}`;
  const at = words.findIndex((word) => word === "engram" || word.endsWith("bin/engram.js"));
  if (at < 0 || (at > 0 && words[0] !== "npx" && words[0] !== "node" && words[0] !== "sudo")) return null;
  return wrongArguments(words.slice(at + 1));
}

function wrongArguments(words: readonly string[]): string | null {
  let [name = "", ...rest] = words;
  if (name === "" || name === "…" || name.startsWith("-")) return null;
  let command = commands.get(name);
  if (!command) return `no command ${name}`;
  const flags = new Set<string>(["--help"]);
  for (;;) {
    for (const { long, short } of command.options) flags.add(long ?? "").add(short ?? "");
    const next: Command | undefined = command.commands.find(
      (one) => one.name() === rest.find((word) => !word.startsWith("-")),
    );
    if (!next) break;
    rest = rest.filter((word) => word !== next.name());
    command = next;
    name = `${name} ${next.name()}`;
  }
  const unknown = rest
    .map((word) => word.split("=")[0] ?? "")
    .filter((word) => /^--[\w-]+$/.test(word) && !flags.has(word));
  return unknown.length === 0 ? null : `engram ${name} has no ${unknown.join(", ")}`;
}

function wrongBlocks(text: string): string[] {
  return blocksOf(text).flatMap((block) => {
    if (block.language === "sh") return commandsOf(block).flatMap((line) => wrongWith(line) ?? []);
    if (block.language !== "json") return [];
    try {
      JSON.parse(block.text);
      return [];
    } catch {
      return [`not JSON: ${block.text.slice(0, 40)}`];
    }
  });
}

/** `engram …` and `npm run …` between backquotes, in running text. */
function wrongMentions(text: string): string[] {
  const spans = [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return spans.filter((span) => /^(npx )?engram [a-z]|^npm run /.test(span)).flatMap((span) => wrongWith(span) ?? []);
}

test("there is something to check", () => {
  expect(documents).toContain("README.md");
  expect(documents.length).toBeGreaterThan(12);
  expect(commands.size).toBeGreaterThan(25);
  const lines = [...texts.values()].flatMap(blocksOf).filter(({ language }) => language === "sh");
  expect(lines.flatMap(commandsOf).filter((line) => line.includes("engram")).length).toBeGreaterThan(40);
});

describe.each(documents)("%s", (path) => {
  const text = texts.get(path) ?? "";

  test("links to what is there", () => {
    expect(brokenLinks(path, text)).toEqual([]);
  });

  test("tells of commands, options and scripts that there are", () => {
    expect([...wrongBlocks(text), ...wrongMentions(text)]).toEqual([]);
  });
});

describe("docs/reference", () => {
  test.each([...referenceFiles()])("%s is what `npm run reference` makes of the code", async (name, text) => {
    expect(await read(`docs/reference/${name}`)).toBe(text);
    expect(text.match(/^##/gm)?.length ?? 0).toBeGreaterThan(10);
  });
});

test.each([
  ["a missing file", "[x](none.md)"],
  ["a missing heading", "[x](README.md#no-such-heading)"],
])("%s is a broken link", (_, text) => {
  expect(brokenLinks("README.md", text)).toHaveLength(1);
});

test.each([
  ["a command", "```sh\nnpx engram ponder x\n```"],
  ["an option", "```sh\nengram store --loud x\n```"],
  ["an option of a subcommand", "```sh\nFOO=1 engram mcp token add --loud NAME   # comment\n```"],
  ["a script", "```sh\nnpm ci && npm run nothing -- --json\n```"],
  ["JSON", "```json\n{ a }\n```"],
])("%s that is not there is noticed", (_, text) => {
  expect(wrongBlocks(text)).toHaveLength(1);
});
