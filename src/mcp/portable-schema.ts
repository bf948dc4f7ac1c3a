import { z } from "zod";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Accepted for convenience, and not shown: another argument says the same. */
export const unlisted = { unlisted: true } as const;

/** Enforced by errors that name them; a model chooses no argument by them. */
const leftOut = new Set([
  "$schema",
  "$defs",
  "minLength",
  "maxLength",
  "minItems",
  "pattern",
  "format",
  "propertyNames",
]);

/**
 * What tools/list shows of an argument schema. A model pays for every byte of it in every conversation, so only what
 * helps it choose stays: types, enums (the first value is the default), bounds and defaults of numbers, counts.
 */
export function inputJsonSchema(schema: z.ZodType): JsonSchema {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" });
  return { ...compact(json), additionalProperties: false };
}

/** What tools/list shows of a result: the keys that are always there. Others may be added at any time. */
export function outputJsonSchema(schema: z.ZodType): JsonSchema {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" });
  const always = required.map((name) => [name, outline(properties[name])]);
  return { type: "object", properties: Object.fromEntries(always) };
}

function outline(node: unknown): JsonSchema {
  const { type, items } = isNode(node) ? node : {};
  if (type !== "array") return { type };
  return { type, items: outline(items) };
}

function compact(node: JsonSchema): JsonSchema {
  const isEnum = "enum" in node || node["type"] === "boolean";
  const kept = Object.entries(node).filter(
    ([key]) => !leftOut.has(key) && key !== "additionalProperties" && !(isEnum && key === "default"),
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, compactValue(key, value)]));
}

function compactValue(key: string, value: unknown): unknown {
  if (key === "items" && isNode(value)) return compact(value);
  if (key !== "properties" || !isNode(value)) return value;
  const listed = Object.entries(value).filter((entry): entry is [string, JsonSchema] => {
    return isNode(entry[1]) && entry[1]["unlisted"] !== true;
  });
  return Object.fromEntries(listed.map(([name, child]) => [name, compact(child)]));
}

function isNode(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
