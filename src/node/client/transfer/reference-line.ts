import { z } from "zod";
import type { Metadata } from "../memory.ts";
import type { ImportedMemory } from "./imported-memory.ts";

/** The session of all that comes from such a file, whose lines know no time and no order between entities. */
const SESSION = "knowledge graph";

// Servers derived from the reference one add keys of their own: these are kept as metadata.
const entitySchema = z.looseObject({
  type: z.literal("entity"),
  name: z.string().min(1),
  entityType: z.string(),
  observations: z.array(z.string()),
});
const relationSchema = z.looseObject({
  type: z.literal("relation"),
  from: z.string().min(1),
  to: z.string().min(1),
  relationType: z.string().min(1),
});

/** Whether `value` is a line of the reference memory server's file (`memory.jsonl`). */
export function isReferenceLine(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  return value.type === "entity" || value.type === "relation";
}

/**
 * The memories of an entity (one for each observation, or one for its bare name) or of a relation. The text is a
 * sentence that can be recalled, the metadata holds the parts of the line as they are. Throws zod's error.
 */
export function parseReferenceLine(value: unknown): readonly ImportedMemory[] {
  const line = z.discriminatedUnion("type", [entitySchema, relationSchema]).parse(value);
  if (line.type === "relation") {
    const { type: _, from, to, relationType, ...extra } = line;
    const text = `${from} ${relationType.replaceAll("_", " ")} ${to}`;
    return [memory(text, { ...(extra as Metadata), from, relation: relationType, to })];
  }
  const { type: _, name, entityType, observations, ...extra } = line;
  const about = { ...(extra as Metadata), entity: name, entityType };
  if (observations.length === 0) return [memory(entityType === "" ? name : `${name} (${entityType})`, about)];
  return observations.map((observation) => memory(`${name}: ${observation}`, about));
}

function memory(text: string, metadata: Metadata): ImportedMemory {
  return { item: { text, metadata, session: SESSION }, public: false };
}
