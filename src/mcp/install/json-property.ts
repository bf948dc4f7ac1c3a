import type { Edit, Node } from "jsonc-parser";

export interface JsonLayout {
  /** One step of indentation. */
  readonly indent: string;
  readonly eol: string;
}

/**
 * Puts a property first in an object. First, since behind the last one there may be a comma to add and a comment that
 * belongs to that one; so every other line stays as it is.
 */
export function insertFirst(text: string, object: Node, name: string, value: unknown, layout: JsonLayout): Edit {
  const { indent, eol } = layout;
  const open = object.offset + 1;
  const [first] = object.children ?? [];
  const lineEnd = endOfLine(text, open);
  const outer = indentation(text, object.offset);
  const inner = first !== undefined && lineEnd !== undefined ? indentation(text, first.offset) : outer + indent;
  const lines = `${JSON.stringify(name)}: ${JSON.stringify(value, null, indent)}`.replaceAll("\n", eol + inner);
  if (lineEnd !== undefined) return insertion(lineEnd, `${eol}${inner}${lines}${first === undefined ? "" : ","}`);
  if (first === undefined) return insertion(open, `${eol}${inner}${lines}${eol}${outer}`);
  // What stands on one line stays on one.
  const short = `${JSON.stringify(name)}: ${JSON.stringify(value)},`;
  return insertion(open, isBlank(text[open]) ? ` ${short}` : `${short} `);
}

/** Takes a property out with its comma and, where it has lines of its own, with these; comments of others stay. */
export function removeProperty(text: string, property: Node): readonly Edit[] {
  const object = property.parent;
  const siblings = object?.children ?? [];
  const before = siblings[siblings.indexOf(property) - 1];
  const comma = nextComma(text, property.offset + property.length);
  const end = comma === undefined ? property.offset + property.length : comma + 1;
  if (object !== undefined && siblings.length === 1) {
    const rest = text.slice(object.offset + 1, property.offset) + text.slice(end, object.offset + object.length - 1);
    if (rest.trim() === "") return [{ offset: object.offset + 1, length: object.length - 2, content: "" }];
  }
  const edits = [removal(...ownRange(text, property.offset, end))];
  const left = comma === undefined && before ? nextComma(text, before.offset + before.length) : undefined;
  return left === undefined ? edits : [removal(left, left + 1), ...edits];
}

/** From `start` to `end`, and what goes with it: its lines and a comment behind it on the last, else the blanks beside it. */
function ownRange(text: string, start: number, end: number): readonly [start: number, end: number] {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const lineEnd = endOfLine(text, end);
  if (text.slice(lineStart, start).trim() === "" && lineEnd !== undefined) {
    return [lineStart, text.indexOf("\n", lineEnd) + 1];
  }
  let [from, to] = [start, end];
  while (isBlank(text[to])) to++;
  // At the end of the object the blanks before it are those to go.
  if (text[to] === "}") {
    to = end;
    while (isBlank(text[from - 1])) from--;
  }
  return [from, to];
}

/** Where the line ends, if nothing but blanks and comments stands from `offset` up to there. */
function endOfLine(text: string, offset: number): number | undefined {
  const end = behind(text, offset, /(?:[ \t]|\/\*.*?\*\/|\/\/[^\r\n]*)*/sy);
  return text[end] === "\r" || text[end] === "\n" ? end : undefined;
}

/** Where the comma behind `offset` stands, if one comes next. */
function nextComma(text: string, offset: number): number | undefined {
  const end = behind(text, offset, /(?:\s|\/\*.*?\*\/|\/\/[^\r\n]*)*/sy);
  return text[end] === "," ? end : undefined;
}

/** Where what `skipped` matches from `offset` on ends. */
function behind(text: string, offset: number, skipped: RegExp): number {
  skipped.lastIndex = offset;
  skipped.exec(text);
  return skipped.lastIndex;
}

/** The blanks at the beginning of the line that `offset` is in. */
function indentation(text: string, offset: number): string {
  const [blanks = ""] = /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", offset - 1) + 1)) ?? [];
  return blanks;
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

function insertion(offset: number, content: string): Edit {
  return { offset, length: 0, content };
}

function removal(start: number, end: number): Edit {
  return { offset: start, length: end - start, content: "" };
}
