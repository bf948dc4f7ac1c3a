import { z } from "zod";
import type { Memory, Metadata } from "../memory.ts";
import type { ImportedMemory } from "./imported-memory.ts";

/** A memory as one line of JSON, without the line's end. */
export function memoryLine(memory: Memory): string {
  const { id, namespace, visibility, text, speaker, metadata, session, seq, at, createdAt, expiresAt, replaces } =
    memory;
  return JSON.stringify({
    id,
    namespace,
    visibility,
    session,
    seq,
    speaker,
    text,
    metadata,
    at,
    createdAt,
    expiresAt,
    replaces,
  });
}

/** A date alone is that day here. */
const time = z
  .union([z.int(), z.iso.datetime({ offset: true }), z.iso.date()], "must be unix milliseconds or an ISO 8601 time")
  .transform((value) =>
    typeof value === "number" ? value : Date.parse(value.includes("T") ? value : `${value}T00:00`),
  );

// Not copied by the schema: a copy could lose keys such as __proto__, and the store judges metadata itself.
const metadata = z.custom<Metadata>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "must be an object",
);

/** Written by hand, a line needs its text alone. The fields that a store gives itself are checked and left out. */
const lineSchema = z.strictObject({
  text: z.string(),
  namespace: z.string().optional(),
  visibility: z.enum(["private", "public"]).optional(),
  session: z.string().optional(),
  speaker: z.string().optional(),
  metadata: metadata.optional(),
  at: time.optional(),
  expiresAt: time.optional(),
  id: z.string().optional(),
  seq: z.int().optional(),
  createdAt: time.optional(),
  replaces: z.string().optional(),
});

/** The memory of a line of `memoryLine`, or of a hand-written one. Throws zod's error. */
export function parseMemoryLine(value: unknown): ImportedMemory {
  const { text, namespace, visibility, session, speaker, metadata, at, expiresAt } = lineSchema.parse(value);
  return {
    item: {
      text,
      ...(speaker !== undefined && { speaker }),
      ...(session !== undefined && { session }),
      ...(metadata !== undefined && { metadata }),
      ...(at !== undefined && { at }),
    },
    public: visibility === "public",
    ...(namespace !== undefined && { namespace }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}
