import { applyEdits, modify, type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { EngramError } from "../../crypto/errors.ts";

type Path = readonly (string | number)[];

/** What stands at `path` of a configuration; undefined where nothing does. Errors: `MCP_CONFIG_INVALID`. */
export function readJsonConfig(text: string, path: Path, file: string): unknown {
  let value = parseConfig(text, file);
  for (const key of path) value = isTable(value) ? value[key] : undefined;
  return value;
}

/**
 * The configuration with `value` at `path`, or without it when undefined. Comments, order and content of all the rest stay; the
 * lines beside the entry may be laid out anew. Errors: `MCP_CONFIG_INVALID`, also when something other than a table stands in the way.
 */
export function withJsonConfig(text: string, path: Path, value: unknown, file: string): string {
  const source = text.trim() === "" ? "{}\n" : text;
  let held = parseConfig(source, file);
  for (const key of path.slice(0, -1)) {
    if (!isTable(held)) throw invalid(file, "something other than a table stands where one is expected");
    held = held[key];
    if (held === undefined) break;
  }
  if (held !== undefined && !isTable(held)) throw invalid(file, `${String(path.at(-2))} is not a table`);
  const [, blanks = "  "] = /^([ \t]+)\S/m.exec(source) ?? [];
  const formattingOptions = {
    insertSpaces: !blanks.startsWith("\t"),
    tabSize: blanks.startsWith("\t") ? 1 : blanks.length,
    eol: source.includes("\r\n") ? "\r\n" : "\n",
  };
  return applyEdits(source, modify(source, [...path], value, { formattingOptions }));
}

function parseConfig(text: string, file: string): unknown {
  if (text.trim() === "") return {};
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) {
    const line = text.slice(0, first.offset).split("\n").length;
    // The parser's names are words run together: "PropertyNameExpected".
    const what = printParseErrorCode(first.error).replaceAll(/\B[A-Z]/g, (letter) => ` ${letter}`);
    throw invalid(file, `line ${line}: ${what.toLowerCase()}`);
  }
  if (!isTable(value)) throw invalid(file, "it is not a JSON object");
  return value;
}

function isTable(value: unknown): value is Record<string | number, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(file: string, why: string): EngramError {
  return new EngramError("MCP_CONFIG_INVALID", `${file} cannot be read: ${why}`, {
    fix: "Correct the file, or copy the entry in by hand; it was left as it is.",
  });
}
