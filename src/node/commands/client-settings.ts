import { z } from "zod";
import { readArchiveSettings } from "../archive/archive-settings.ts";
import { type EmbeddingSettings, readEmbeddingSettings } from "../embedding/embedding-settings.ts";
import type { OpenEngramOptions } from "../open-engram.ts";
import { flag, parseVariables, readEnvironment, sharedVariables } from "../runtime/config.ts";
import { homeEnvironment } from "../runtime/saved-subnet.ts";

const clientVariables = sharedVariables.extend({
  ENGRAM_CHAIN: z.string().optional(),
  ENGRAM_MINERS: z.string().optional(),
  ENGRAM_PRIVATE_ON_REFERENCE_MINERS: flag.optional(),
});

interface ClientSettings {
  readonly logLevel: string;
  readonly embedding: EmbeddingSettings;
  readonly engram: Pick<OpenEngramOptions, "chain" | "miners" | "privateOnReferenceMiners" | "archive">;
}

/** What the environment, and else the local subnet of `home`, says about the memory client. Throws `CONFIG_INVALID`. */
export async function readClientSettings(home: string, named = readEnvironment()): Promise<ClientSettings> {
  const environment = await homeEnvironment(home, named);
  const variables = parseVariables(clientVariables, environment);
  const { ENGRAM_CHAIN, ENGRAM_MINERS, ENGRAM_PRIVATE_ON_REFERENCE_MINERS } = variables;
  return {
    // What a command fails of it tells itself; the log is for what happens beside it.
    logLevel: variables.ENGRAM_LOG_LEVEL ?? variables.LOG_LEVEL ?? "error",
    embedding: readEmbeddingSettings(environment),
    engram: {
      archive: readArchiveSettings(environment),
      ...(ENGRAM_CHAIN !== undefined && { chain: ENGRAM_CHAIN }),
      ...(ENGRAM_MINERS !== undefined && { miners: ENGRAM_MINERS }),
      ...(ENGRAM_PRIVATE_ON_REFERENCE_MINERS && { privateOnReferenceMiners: true }),
    },
  };
}
