import { z } from "zod";
import { isEngramError } from "../crypto/errors.ts";
import { shownName } from "../crypto/namespace-name.ts";
import { isMemoryIdPrefix } from "../node/client/ids.ts";
import { LIMITS } from "../node/client/limits.ts";
import type { Metadata } from "../node/client/memory.ts";
import { filterSchema } from "../node/protocol/filter.ts";
import { visible } from "../node/runtime/visible-text.ts";
import { parseDate } from "./dates.ts";

export const textField = z
  .string()
  .max(LIMITS.text, `longer than ${LIMITS.text} characters: split it into items`)
  .refine((text) => text.trim() !== "", "the text is empty");

/**
 * The shown name of a namespace, in its one spelling. Names with invisible characters are refused: a model sees names
 * without them, and could not name such a namespace again.
 */
export const namespaceField = z.string().transform((text, context): string => {
  try {
    const name = shownName(text);
    if (visible(name) === name) return name;
    context.addIssue({ code: "custom", message: "a namespace's name holds invisible characters: leave them out" });
  } catch (error) {
    if (!isEngramError(error)) throw error;
    context.addIssue({ code: "custom", message: `${error.message} ${error.fix ?? ""}` });
  }
  return z.NEVER;
});

/** A speaker's or a session's name. */
export const nameField = z
  .string()
  .overwrite((text) => text.normalize("NFC").trim())
  .min(1, "the name is empty")
  .refine((text) => Buffer.byteLength(text) <= LIMITS.nameBytes, `the name is longer than ${LIMITS.nameBytes} bytes`)
  .regex(/^[^\p{Cc}\u2028\u2029]*$/u, "the name holds control characters");

/** Full ids or unique prefixes of at least 8 characters after `m_`. */
export const idField = z
  .string()
  .overwrite((text) => text.trim().toLowerCase())
  .refine(isMemoryIdPrefix, "an id is m_ and 16 characters, or at least the first 8 of them");

/** A date text, as unix milliseconds. */
export const dateField = z
  .string()
  .max(100)
  .transform((text, context) => {
    const at = parseDate(text);
    if (at !== undefined) return at;
    context.addIssue({ code: "custom", message: "not a date I can read: write 2026-11-22 or 2026-11-22T10:00:00Z" });
    return z.NEVER;
  });

/** Free JSON below string keys; depth, keys and numbers were checked with all arguments (see arguments.ts). */
export const metadataField = z.record(z.string(), z.unknown()).transform((value, context): Metadata => {
  if (Buffer.byteLength(JSON.stringify(value)) > LIMITS.metadataBytes) {
    context.addIssue({
      code: "custom",
      message: `more than ${LIMITS.metadataBytes} bytes of metadata: store it as text`,
    });
  }
  return value as Metadata;
});

/** The filter language of protocol/filter.ts, shown to models as one free object. */
export const filterField = z
  .record(z.string(), z.unknown())
  .transform((value, context) => {
    const parsed = filterSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const { message, path } of parsed.error.issues) context.addIssue({ code: "custom", message, path });
    return z.NEVER;
  })
  .describe("metadata {k:v}, {k:{gte,lt,in}}");

export const cursorField = z.string().min(1).max(500);
