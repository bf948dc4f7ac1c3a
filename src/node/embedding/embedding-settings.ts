import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { isLoopback } from "../chain/loopback.ts";
import { type Environment, parseVariables } from "../runtime/config.ts";
import { Secret } from "../runtime/secret.ts";

const EMBEDDER_VARIABLE = "ENGRAM_EMBEDDER";
export const EMBED_BUDGET_VARIABLE = "ENGRAM_EMBED_DAILY_USD";
const EMBED_PRICE_VARIABLE = "ENGRAM_EMBED_PRICE_USD";

const positive = z.coerce.number("must be a number").min(0, "must not be negative");

const variables = z.object({
  [EMBEDDER_VARIABLE]: z
    .enum(["built-in", "openai", "minilm"], "must be built-in, openai or minilm")
    .default("built-in"),
  ENGRAM_EMBED_URL: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).optional(),
  ENGRAM_EMBED_MODEL: z.string().max(200, "is too long").optional(),
  ENGRAM_EMBED_DIM: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(1)
    .max(65_536, "must be at most 65536")
    .optional(),
  ENGRAM_EMBED_KEY: z.string().optional(),
  OPENAI_API_KEY: z.string().optional(),
  [EMBED_PRICE_VARIABLE]: positive.optional(),
  [EMBED_BUDGET_VARIABLE]: positive.max(1_000_000).default(0),
  ENGRAM_MODEL_FOLDER: z.string().optional(),
});

/** An OpenAI-compatible endpoint: OpenAI's own, Ollama, vLLM, LM Studio, TEI. */
export interface EndpointSettings {
  readonly kind: "openai";
  readonly baseUrl: string;
  readonly model: string;
  readonly dim: number;
  readonly key: Secret<string>;
  /** Dollars for a million tokens; 0: not paid by use. */
  readonly price: number;
  /** Dollars of a UTC day. */
  readonly dailyBudget: number;
}

/** What turns texts into vectors. `folder`: where a model was put; undefined: the one in the data folder. */
export type EmbeddingSettings =
  | { readonly kind: "built-in" }
  | { readonly kind: "minilm"; readonly folder: string | undefined }
  | EndpointSettings;

/** Errors: `CONFIG_INVALID`. */
export function readEmbeddingSettings(environment: Environment): EmbeddingSettings {
  const parsed = parseVariables(variables, environment);
  switch (parsed[EMBEDDER_VARIABLE]) {
    case "built-in":
      return { kind: "built-in" };
    case "minilm":
      return { kind: "minilm", folder: parsed.ENGRAM_MODEL_FOLDER };
    case "openai":
      return endpointSettings(parsed);
  }
}

function endpointSettings(parsed: z.output<typeof variables>): EndpointSettings {
  const { ENGRAM_EMBED_URL: baseUrl, ENGRAM_EMBED_MODEL: model, ENGRAM_EMBED_DIM: dim } = parsed;
  if (baseUrl === undefined || model === undefined || dim === undefined) {
    throw new EngramError(
      "CONFIG_INVALID",
      `${EMBEDDER_VARIABLE}=openai needs an endpoint, a model and its dimension`,
      {
        fix: "set ENGRAM_EMBED_URL (as http://127.0.0.1:11434/v1), ENGRAM_EMBED_MODEL and ENGRAM_EMBED_DIM",
      },
    );
  }
  const isHere = isLoopback(new URL(baseUrl).hostname);
  const price = parsed[EMBED_PRICE_VARIABLE] ?? (isHere ? 0 : undefined);
  if (price === undefined) {
    throw new EngramError("CONFIG_INVALID", "what this endpoint costs is not said", {
      fix: `set ${EMBED_PRICE_VARIABLE} to the dollars for a million tokens, or to 0 where nobody is paid by use`,
    });
  }
  // A key for other things must not be shown to whatever listens at an address of this machine.
  const key = parsed.ENGRAM_EMBED_KEY ?? (isHere ? undefined : parsed.OPENAI_API_KEY);
  return {
    ...{ kind: "openai", baseUrl, model, dim, price, dailyBudget: parsed[EMBED_BUDGET_VARIABLE] },
    key: new Secret(key ?? "none"),
  };
}
