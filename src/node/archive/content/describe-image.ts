import { EngramError } from "../../../crypto/errors.ts";
import type { Secret } from "../../runtime/secret.ts";

/** An OpenAI-compatible endpoint that looks at images. */
export interface VisionSettings {
  readonly baseUrl: string;
  readonly model: string;
  readonly key: Secret<string>;
}

const DEADLINE_MS = 60_000;
/** As the reference asks for (spec 11). */
const MAX_TOKENS = 1_024;
const MAX_CHARACTERS = 8_192;

const QUESTION =
  "Describe this image so that it can be found by a text search: what it shows, every readable text, people, places, numbers. Answer with the description alone.";

/**
 * What a vision model says about an image; the image goes to that endpoint in clear. Errors: `VISION_FAILED`, which
 * never quotes the endpoint; the signal's reason.
 */
export async function describeImage(
  image: { readonly bytes: Uint8Array; readonly mime: string },
  settings: VisionSettings,
  signal?: AbortSignal,
): Promise<string> {
  const { default: OpenAI } = await import("openai");
  const { baseUrl, key, model } = settings;
  const client = new OpenAI({
    apiKey: key.reveal(),
    // Explicit, so that nothing is read from the environment behind the configuration's back.
    baseURL: baseUrl,
    organization: null,
    project: null,
    timeout: DEADLINE_MS,
    maxRetries: 1,
  });
  const url = `data:${image.mime};base64,${Buffer.from(image.bytes).toString("base64")}`;
  try {
    const answer = await client.chat.completions.create(
      {
        model,
        max_tokens: MAX_TOKENS,
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: QUESTION },
              { type: "image_url", image_url: { url } },
            ],
          },
        ],
      },
      signal ? { signal } : {},
    );
    const text = answer.choices[0]?.message.content?.trim() ?? "";
    if (text !== "") return text.slice(0, MAX_CHARACTERS).toWellFormed();
  } catch (cause) {
    signal?.throwIfAborted();
    throw failed("it does not answer", cause);
  }
  throw failed("its answer is empty");
}

function failed(why: string, cause?: unknown): EngramError {
  return new EngramError("VISION_FAILED", `the vision endpoint could not describe the image: ${why}`, {
    fix: "describe it in your own words (description), or check OPENAI_BASE_URL and ENGRAM_VISION_MODEL",
    cause,
  });
}
