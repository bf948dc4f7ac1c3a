import { z } from "zod";

/** The reference's words for off (spec 9.1). */
const OFF: ReadonlySet<string> = new Set(["", "0", "none", "false"]);

/**
 * `DP_EPSILON`: the strength of the noise on private vectors, as the reference counts it; undefined is off, which is
 * the default here: what it adds is obfuscation and no differential privacy (M-W23).
 */
export const noiseVariable = z
  .string()
  .optional()
  .transform((text, context) => {
    if (text === undefined || OFF.has(text.trim().toLowerCase())) return undefined;
    const epsilon = Number(text);
    if (epsilon > 0 && epsilon <= 1_000) return epsilon;
    context.addIssue({ code: "custom", message: "must be a number from 0 to 1000; 0 or none turns the noise off" });
    return z.NEVER;
  });
