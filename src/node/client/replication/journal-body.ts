import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { type PrivateRecord, privateRecordFromJournal } from "./private-record.ts";
import { type PublicRecord, publicRecordFromJournal } from "./public-record.ts";

/** A record as the journal keeps it: built once, then sent as it is however often it takes. */
export type JournalBody =
  | {
      readonly form: "private";
      readonly record: PrivateRecord;
      readonly expiresAt?: number;
      /** Of a `remote_search` namespace: the obfuscated vector, of the client's own model. */
      readonly searchable?: { readonly vector: Float32Array; readonly model: string };
    }
  | {
      readonly form: "public";
      readonly record: PublicRecord;
      /** Of the client's own model. */
      readonly vector: Float32Array;
      readonly model: string;
      readonly expiresAt?: number;
    };

const bodySchema = z.discriminatedUnion("form", [
  z.object({
    form: z.literal("private"),
    wireName: z.string(),
    recordId: z.string(),
    metadata: z.string(),
    expiresAt: z.number().optional(),
    searchable: z.object({ vector: z.string(), model: z.string() }).optional(),
  }),
  z.object({
    form: z.literal("public"),
    metadata: z.string(),
    vector: z.string(),
    model: z.string(),
    expiresAt: z.number().optional(),
  }),
]);

export function writeJournalBody(body: JournalBody): string {
  const { expiresAt } = body;
  if (body.form === "private") {
    const { wireName, recordId, metadata } = body.record;
    const { vector, model } = body.searchable ?? {};
    const searchable = vector && { vector: textOf(vector), model };
    return JSON.stringify({ form: "private", wireName, recordId, metadata, expiresAt, searchable });
  }
  const vector = textOf(body.vector);
  return JSON.stringify({ form: "public", metadata: body.record.metadata, vector, model: body.model, expiresAt });
}

/** Throws `JOURNAL_BROKEN`. */
export function readJournalBody(text: string): JournalBody {
  const parsed = bodySchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new EngramError("JOURNAL_BROKEN", "a record of the journal cannot be read");
  const { expiresAt } = parsed.data;
  const end = expiresAt === undefined ? {} : { expiresAt };
  if (parsed.data.form === "private") {
    const found = parsed.data.searchable;
    const searchable = found ? { searchable: { vector: vectorOf(found.vector), model: found.model } } : {};
    return { form: "private", record: privateRecordFromJournal(parsed.data), ...end, ...searchable };
  }
  const vector = vectorOf(parsed.data.vector);
  return { form: "public", record: publicRecordFromJournal(parsed.data), vector, model: parsed.data.model, ...end };
}

function textOf({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

function vectorOf(text: string): Float32Array {
  const bytes = new Uint8Array(Buffer.from(text, "base64"));
  return new Float32Array(bytes.buffer, 0, bytes.length / 4);
}
