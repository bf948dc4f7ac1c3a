import { z } from "zod";
import { loneSession } from "../lone-session.ts";
import type { JsonValue, Metadata } from "../memory.ts";
import type { ImportedMemory } from "./imported-memory.ts";

/** These products keep facts, each by itself. */
const LONE = "imported";

const object = z.custom<Metadata>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "must be an object",
);
/** ISO 8601 with or without a zone (then UTC), or unix seconds. */
const time = z.union([
  z.number().transform((seconds) => seconds * 1_000),
  z.string().transform((text, context) => {
    const value = Date.parse(/[Zz]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
    if (Number.isNaN(value)) context.addIssue("must be a time");
    return value;
  }),
]);

/** A memory of mem0 (`memory`) or OpenMemory (`content`), from their API or their export. */
const mem0 = z.looseObject({
  memory: z.string().optional(),
  content: z.string().optional(),
  metadata: object.nullish(),
  created_at: time.nullish(),
  run_id: z.string().nullish(),
  state: z.string().nullish(),
});
/** Of mem0's own fields, those that mean nothing elsewhere. */
const MEM0_INTERNAL = ["id", "hash", "updated_at", "deleted_at", "archived_at", "score", "app_id", "category_ids"];

/** In OpenMemory: no app is told of these any more. */
const GONE: ReadonlySet<string> = new Set(["deleted", "archived"]);

/** A point of a Qdrant collection; mcp-server-qdrant keeps the text as `document`. */
const point = z.looseObject({
  payload: z.looseObject({
    document: z.string().optional(),
    text: z.string().optional(),
    content: z.string().optional(),
    metadata: object.nullish(),
  }),
});

/**
 * The memory of one item of another product's export; null when it is none that is known here, "gone" when it was deleted
 * or archived there. Throws zod's error for a known item that lacks its text.
 */
export function parseForeignItem(value: unknown): ImportedMemory | "gone" | null {
  if (typeof value !== "object" || value === null) return null;
  if ("payload" in value) return ofPoint(point.parse(value));
  const text = "memory" in value ? value.memory : "content" in value && !("text" in value) ? value.content : undefined;
  return typeof text === "string" ? ofMem0(mem0.parse(value)) : null;
}

function ofMem0(item: z.output<typeof mem0>): ImportedMemory | "gone" {
  const { memory, content, metadata, created_at, run_id, state, ...rest } = item;
  if (GONE.has(state ?? "")) return "gone";
  const own = Object.entries(rest).filter(([key, value]) => !MEM0_INTERNAL.includes(key) && isWorthKeeping(value));
  return {
    item: {
      text: memory ?? content ?? "",
      session: run_id ?? loneSession(LONE, memory ?? content ?? ""),
      metadata: { ...(Object.fromEntries(own) as Metadata), ...metadata },
      ...(typeof created_at === "number" && { at: created_at }),
    },
    public: false,
  };
}

function ofPoint({ payload }: z.output<typeof point>): ImportedMemory {
  const { document, text, content, metadata, ...rest } = payload;
  const found = document ?? text ?? content;
  if (found === undefined) {
    throw new z.ZodError([
      { code: "custom", path: ["payload"], message: "has no document, text or content", input: payload },
    ]);
  }
  const session = loneSession(LONE, found);
  return { item: { text: found, session, metadata: { ...(rest as Metadata), ...metadata } }, public: false };
}

function isWorthKeeping(value: unknown): value is JsonValue {
  return value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0);
}
