import { z } from "zod";
import { type Environment, parseVariables } from "../runtime/config.ts";
import { Secret } from "../runtime/secret.ts";
import type { VisionSettings } from "./content/describe-image.ts";

/** The one the reference uses. */
const DEFAULT_GATEWAY = "https://arweave.net";

export const ARCHIVE_LIMIT_VARIABLE = "ENGRAM_ARWEAVE_MAX_WINSTON";

const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http or https URL" });

const variables = z.object({
  ARWEAVE_KEY: z.string().optional(),
  ARWEAVE_GATEWAY_URL: httpUrl.default(DEFAULT_GATEWAY),
  [ARCHIVE_LIMIT_VARIABLE]: z.coerce
    .number("must be a number")
    .int("must be a whole number of winston")
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(0),
  ENGRAM_VISION_MODEL: z.string().optional(),
  // The library's own default.
  OPENAI_BASE_URL: httpUrl.default("https://api.openai.com/v1"),
  OPENAI_API_KEY: z.string().optional(),
});

/** Where files are archived, who pays, and what may be spent. */
export interface ArchiveSettings {
  readonly gateway: string;
  /** ARWEAVE_KEY as it was given; absent: nothing is uploaded. */
  readonly key?: Secret<string>;
  /** Of each UTC day, in winston (10⁻¹² AR). */
  readonly dailyWinston: number;
  /** Absent: images are described by the person who archives them. */
  readonly vision?: VisionSettings;
}

/** Errors: `CONFIG_INVALID`. */
export function readArchiveSettings(environment: Environment): ArchiveSettings {
  const parsed = parseVariables(variables, environment);
  const { ARWEAVE_KEY, ENGRAM_VISION_MODEL, OPENAI_BASE_URL, OPENAI_API_KEY } = parsed;
  return {
    gateway: parsed.ARWEAVE_GATEWAY_URL,
    dailyWinston: parsed[ARCHIVE_LIMIT_VARIABLE],
    ...(ARWEAVE_KEY === undefined ? {} : { key: new Secret(ARWEAVE_KEY) }),
    // A key for embeddings alone must not make images leave this machine: the model is named on purpose.
    ...(ENGRAM_VISION_MODEL === undefined
      ? {}
      : {
          vision: {
            model: ENGRAM_VISION_MODEL,
            key: new Secret(OPENAI_API_KEY ?? "none"),
            baseUrl: OPENAI_BASE_URL,
          },
        }),
  };
}
