import { z } from "zod";
import { writePythonDefault } from "../../../crypto/subnet-json-writer.ts";

/** A text whose record the validator knows in full, and which records are nearest to it (spec 4.1). */
export interface GroundTruthEntry {
  readonly text: string;
  readonly embedding: Float32Array;
  readonly cid: string;
  /** Nearest first, itself among them. */
  readonly topK: readonly string[];
}

const texts = z.array(z.unknown()).transform((list) => list.filter((cid) => typeof cid === "string"));
const line = z.object({
  text: z.string(),
  embedding: z
    .array(z.number())
    .min(1)
    .transform((numbers) => Float32Array.from(numbers))
    .refine((vector) => vector.every(Number.isFinite)),
  cid: z.string(),
  top_k_cids: texts.optional().catch(undefined),
});

/**
 * The entry of one line, null when it is none. What is no object or has no numbers is skipped like any other bad line;
 * the reference ends there. Of `top_k_cids` the texts count.
 */
export function parseEntry(lineText: string): GroundTruthEntry | null {
  const read = line.safeParse(jsonOf(lineText));
  if (!read.success) return null;
  const { top_k_cids: topK, ...entry } = read.data;
  return { ...entry, topK: topK ?? [entry.cid] };
}

/** The entry's line without its end, byte for byte as the reference saves it (spec 4.1). */
export function entryLine({ text, embedding, cid, topK }: GroundTruthEntry): string {
  const fields = new Map<string, string | readonly string[] | readonly number[]>([
    ["text", text],
    ["embedding", Array.from(embedding)],
    ["cid", cid],
    ["top_k_cids", topK],
  ]);
  return writePythonDefault(fields);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
