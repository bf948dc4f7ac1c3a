import {
  applyEdits,
  findNodeAtLocation,
  modify,
  type Node,
  type ParseError,
  parse,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { EngramError } from "../../crypto/errors.ts";
import { insertFirst, removeProperty } from "./json-property.ts";

type Path = readonly string[];

const PARSE_OPTIONS = { allowTrailingComma: true };

/** What stands at `path` of a configuration; undefined where nothing does. Errors: `MCP_CONFIG_INVALID`. */
export function readJsonConfig(text: string, path: Path, file: string): unknown {
  let value = parseConfig(text, file);
  for (const key of path) value = isTable(value) ? value[key] : undefined;
  return value;
}

/**
 * The configuration with `value` at `path`, or without it when undefined. A new entry comes first in its table; all other
 * lines stay as they are. Errors: `MCP_CONFIG_INVALID`, also when something other than a table stands in the way.
 */
export function withJsonConfig(text: string, path: Path, value: unknown, file: string): string {
  const source = text.trim() === "" ? "{}\n" : text;
  parseConfig(source, file);
  const root = parseTree(source, [], PARSE_OPTIONS);
  if (!root) return source; // a text that was parsed has a root
  const { table, missing } = innermostTable(source, root, path, file);
  const property = findNodeAtLocation(root, [...path])?.parent;
  if (value === undefined) return property ? applyEdits(source, [...removeProperty(source, property)]) : source;
  const [, indent = "  "] = /^([ \t]+)\S/m.exec(source) ?? [];
  const eol = source.includes("\r\n") ? "\r\n" : "\n";
  if (property) {
    const isTabs = indent.startsWith("\t");
    const formattingOptions = { insertSpaces: !isTabs, tabSize: isTabs ? 1 : indent.length, eol };
    return applyEdits(source, modify(source, [...path], value, { formattingOptions }));
  }
  const [name = "", ...below] = missing;
  const added = below.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  return applyEdits(source, [insertFirst(source, table, name, added, { indent, eol })]);
}

/** The table nearest to the end of `path` that is there, and the keys behind it that are not. */
function innermostTable(text: string, root: Node, path: Path, file: string): { readonly table: Node; missing: Path } {
  let table = root;
  for (const [depth, key] of path.slice(0, -1).entries()) {
    const next = findNodeAtLocation(table, [key]);
    if (!next) return { table, missing: path.slice(depth) };
    if (next.type !== "object") throw invalid(file, `line ${lineOf(text, next.offset)}: ${key} is not a table`);
    table = next;
  }
  return { table, missing: path.slice(-1) };
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function parseConfig(text: string, file: string): unknown {
  if (text.trim() === "") return {};
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, PARSE_OPTIONS);
  const [first] = errors;
  if (first) {
    // The parser's names are words run together: "PropertyNameExpected".
    const what = printParseErrorCode(first.error).replaceAll(/\B[A-Z]/g, (letter) => ` ${letter}`);
    throw invalid(file, `line ${lineOf(text, first.offset)}: ${what.toLowerCase()}`);
  }
  if (!isTable(value)) throw invalid(file, "it is not a JSON object");
  return value;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(file: string, why: string): EngramError {
  return new EngramError("MCP_CONFIG_INVALID", `${file} cannot be read: ${why}`, {
    fix: "Correct the file, or copy the entry in by hand; it was left as it is.",
  });
}
