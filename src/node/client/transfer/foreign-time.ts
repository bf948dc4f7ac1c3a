import { z } from "zod";

/** ISO 8601 with or without a zone (then UTC), as unix milliseconds. */
export const isoTime = z.string().transform((text, context) => {
  const value = Date.parse(/[Zz]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(value)) context.addIssue("must be a time");
  return value;
});

/** The same, or unix seconds. */
export const foreignTime = z.union([z.number().transform((seconds) => seconds * 1_000), isoTime]);
