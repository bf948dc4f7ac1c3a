import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { parseSync } from "oxc-parser";

const ENTRY = "src/index.ts";
const root = new URL("../../", import.meta.url);

interface Declaration {
  readonly name: string;
  readonly file: string;
  /** Its docstring without the stars; empty where it has none. */
  readonly says: string;
  /** Its text without what it does inside. */
  readonly text: string;
}

/** What of oxc's tree is read here. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly id?: { readonly name: string } | null;
  readonly declaration?: Node | null;
  readonly declarations?: readonly Node[];
  readonly body?: Node | readonly Node[] | null;
  readonly value?: Node | null;
  readonly key?: { readonly type: string; readonly name?: string };
  readonly accessibility?: string | null;
}

/** docs/reference/library.md: every name that the package exports, with its docstring and its declaration. */
export function libraryReference(): string {
  const declared = exportsOf(ENTRY).map(({ name, file }) => declarationOf(name, file));
  const byFile = Map.groupBy(declared, ({ file }) => file);
  const sections = [...byFile].sort(([left], [right]) => (left < right ? -1 : 1)).map(sectionOf);
  return [
    "# The library",
    "",
    'Made by `npm run reference` of the types and docstrings of what `import … from "engram-mcp"` gives.',
    "",
    ...sections,
  ].join("\n");
}

function sectionOf([file, declarations]: readonly [string, readonly Declaration[]]): string {
  const parts = declarations.map(({ name, says, text }) =>
    [`### ${name}`, "", ...(says === "" ? [] : [says, ""]), "```ts", text, "```", ""].join("\n"),
  );
  return [`## ${file}`, "", ...parts].join("\n");
}

/** The names that a module exports, each with the module that it comes from. */
function exportsOf(file: string): readonly { readonly name: string; readonly file: string }[] {
  const entries = parsed(file).module.staticExports.flatMap(({ entries: found }) => found);
  return entries.flatMap(({ exportName: { name }, moduleRequest }) => {
    if (name === null || moduleRequest === null) return [];
    const from = moduleRequest.value;
    return [{ name, file: from.startsWith(".") ? posix.join(posix.dirname(file), from) : from }];
  });
}

function declarationOf(name: string, file: string): Declaration {
  if (!file.startsWith("src/")) return { name, file, says: "", text: `export { ${name} } from "${file}";` };
  const { program, source, comments } = parsed(file);
  const statements = program.body as unknown as readonly Node[];
  for (const statement of statements) {
    const node = statement.declaration ?? statement;
    const named = node.id?.name === name ? node : node.declarations?.find(({ id }) => id?.name === name);
    if (!named) continue;
    const doc = comments.findLast(({ type, end }) => type === "Block" && isJustBefore(source, end, statement.start));
    return { name, file, says: doc ? plain(doc.value) : "", text: shortened(source, node) };
  }
  const passed = exportsOf(file).find((one) => one.name === name);
  if (passed) return declarationOf(name, passed.file);
  throw new Error(`${file} declares no ${name}`);
}

function isJustBefore(source: string, end: number, start: number): boolean {
  return end <= start && source.slice(end, start).trim() === "";
}

/** A declaration without bodies: of a class its public members. */
function shortened(source: string, node: Node): string {
  if (node.type === "FunctionDeclaration") return `${upTo(source, node.start, bodyOf(node)?.start ?? node.end)};`;
  if (node.type !== "ClassDeclaration") return source.slice(node.start, node.end);
  const body = bodyOf(node);
  const members = (body?.body as readonly Node[] | undefined) ?? [];
  const shown = members.filter(
    ({ key, accessibility }) => key?.type !== "PrivateIdentifier" && accessibility !== "private",
  );
  const lines = shown.map((member) => {
    const inside = member.value ? bodyOf(member.value) : null;
    return `  ${upTo(source, member.start, inside?.start ?? member.end)};`;
  });
  return [`${upTo(source, node.start, body?.start ?? node.end)} {`, ...lines, "}"].join("\n");
}

function bodyOf(node: Node): Node | null {
  return node.body && !Array.isArray(node.body) ? (node.body as Node) : null;
}

function upTo(source: string, start: number, end: number): string {
  return source.slice(start, end).trim().replace(/;$/, "");
}

function plain(comment: string): string {
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\*? ?/, "").trimEnd());
  return lines.join("\n").trim();
}

const cache = new Map<string, ReturnType<typeof parseSync> & { readonly source: string }>();

function parsed(file: string) {
  const known = cache.get(file);
  if (known) return known;
  const source = readFileSync(new URL(file, root), "utf8");
  const found = parseSync(file, source);
  const { program, module, comments, errors } = found;
  const result = { program, module, comments, errors, source } as ReturnType<typeof parseSync> & {
    readonly source: string;
  };
  cache.set(file, result);
  return result;
}
