import { parse, stringify, TomlError } from "smol-toml";
import { EngramError } from "../../crypto/errors.ts";

/** What stands in `[table.name]` of a configuration; undefined where nothing does. Errors: `MCP_CONFIG_INVALID`. */
export function readTomlConfig(text: string, table: string, name: string, file: string): unknown {
  const servers = parseConfig(text, file)[table];
  return isTable(servers) ? servers[name] : undefined;
}

/**
 * The configuration with `value` as `[table.name]`, or without that table when undefined. All other lines stay as they
 * are; a table written in another way than under a header of its own is refused. Errors: `MCP_CONFIG_INVALID`.
 */
export function withTomlConfig(
  text: string,
  table: string,
  name: string,
  value: Record<string, unknown> | undefined,
  file: string,
): string {
  const before = parseConfig(text, file);
  const kept = withoutTable(text, `${table}.${name}`).trimEnd();
  const added = value === undefined ? "" : stringify({ [table]: { [name]: value } });
  const after = [kept, added.trimEnd()].filter((part) => part !== "").join("\n\n");
  const result = after === "" ? "" : `${after}\n`;
  if (!isSame(parsed(result), expected(before, table, name, value))) {
    throw new EngramError("MCP_CONFIG_INVALID", `${file} holds ${table}.${name} in a form that is not edited here`, {
      fix: "Change the entry by hand; the file was left as it is.",
    });
  }
  return result;
}

/**
 * Without the lines from the header of the table, or of one below it, to its last key. Blank lines and comments behind
 * that belong to what follows.
 */
function withoutTable(text: string, table: string): string {
  const kept: string[] = [];
  let inside = false;
  let behind: string[] = [];
  for (const line of text.split("\n")) {
    const [, header] = /^\s*\[+\s*([^\]]+?)\s*\]+/.exec(line) ?? [];
    if (header !== undefined) {
      inside = header === table || header.startsWith(`${table}.`);
      if (!inside) kept.push(...withoutDoubleBlank(kept, behind));
      behind = [];
    }
    if (!inside) kept.push(line);
    else behind = isBlankOrComment(line) ? [...behind, line] : [];
  }
  return [...kept, ...withoutDoubleBlank(kept, behind)].join("\n");
}

/** The lines to come behind `kept`: where that ends with a blank line, or is none yet, another is one too many. */
function withoutDoubleBlank(kept: readonly string[], lines: readonly string[]): readonly string[] {
  if ((kept.at(-1) ?? "").trim() !== "") return lines;
  const first = lines.findIndex((line) => line.trim() !== "");
  return first < 0 ? [] : lines.slice(first);
}

function isBlankOrComment(line: string): boolean {
  return /^\s*(#|$)/.test(line);
}

function expected(before: Record<string, unknown>, table: string, name: string, value: unknown) {
  const servers = isTable(before[table]) ? { ...before[table] } : {};
  if (value === undefined) delete servers[name];
  else servers[name] = value;
  return { ...before, [table]: servers };
}

/** The same content; a table without entries is as good as none. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value === "bigint") return `${value}n`;
  if (!isTable(value) || value instanceof Date) return value;
  const entries = Object.entries(value).map(([key, held]) => [key, sorted(held)] as const);
  const filled = entries.filter(([, held]) => !(isTable(held) && Object.keys(held).length === 0));
  return Object.fromEntries(filled.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function parseConfig(text: string, file: string): Record<string, unknown> {
  const content = parsed(text);
  if (content instanceof TomlError) {
    throw new EngramError("MCP_CONFIG_INVALID", `${file} cannot be read: line ${content.line} is not TOML`, {
      fix: "Correct the file, or copy the entry in by hand; it was left as it is.",
    });
  }
  return content;
}

/** The content, or what is wrong with it. */
function parsed(text: string): Record<string, unknown> | TomlError {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError) return error;
    throw error;
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
