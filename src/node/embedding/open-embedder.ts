import type { Embedder } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { EmbeddingSettings } from "./embedding-settings.ts";
import { UseLiteEmbedder } from "./use-lite.ts";

export interface OpenEmbedderOptions {
  /** The data folder: of what paid embeddings cost a day, and of a pulled model. */
  readonly home: string;
  readonly clock: Clock;
  /** Of a model in this process. */
  readonly threads?: number;
}

/**
 * The embedder that the settings name. Cheap: models and libraries are loaded at the first text. Errors: `MODEL_MISSING`,
 * `MODEL_DAMAGED`.
 */
export async function openEmbedder(settings: EmbeddingSettings, options: OpenEmbedderOptions): Promise<Embedder> {
  const { home, clock, ...thread } = options;
  switch (settings.kind) {
    case "built-in":
      return new UseLiteEmbedder(thread);
    case "minilm": {
      const { MiniLmEmbedder, modelFolder } = await import("./minilm.ts");
      return await MiniLmEmbedder.open(settings.folder ?? modelFolder(home), thread);
    }
    case "openai": {
      const { EndpointEmbedder } = await import("./endpoint-embedder.ts");
      const { EmbeddingBudget } = await import("./embedding-budget.ts");
      const budget = settings.price > 0 ? new EmbeddingBudget(settings, { home, clock }) : undefined;
      return new EndpointEmbedder(settings, {}, budget ? { budget } : {});
    }
  }
}
