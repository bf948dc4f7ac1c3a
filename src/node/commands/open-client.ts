import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ArchiveSettings } from "../archive/archive-settings.ts";
import type { MemoryClient } from "../client/memory.ts";
import type { EmbeddingSettings } from "../embedding/embedding-settings.ts";
import type { Environment } from "../runtime/config.ts";

// Everything is imported when it is needed: a server that is asked for its tools alone opens nothing.

/** The data folder: `--home`, else ENGRAM_HOME, else the platform's data directory. */
export async function homeOf(option: string | undefined): Promise<string> {
  const { homeFolder, readEnvironment } = await import("../runtime/config.ts");
  return resolve(homeFolder(readEnvironment(), option));
}

/** Below a server's data folder: a data folder for each who calls it over HTTP with a bearer token. */
export const PRINCIPALS = "principals";

/** The data folders of a server: its own, and those of its principals. */
export async function homesOf(option: string | undefined): Promise<readonly string[]> {
  const home = await homeOf(option);
  const names = await readdir(join(home, PRINCIPALS)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return [home, ...names.map((name) => join(home, PRINCIPALS, name))];
}

/** Where the memory wallet of that data folder lies. */
export async function walletFolderOf(option: string | undefined): Promise<string> {
  const { walletFolder } = await import("../client/open-client.ts");
  return walletFolder(await homeOf(option));
}

/**
 * The memories of that data folder, with chain and miners as the environment names them, or the local subnet of
 * `serverHome`: of the same folder, but for a server's principals. `environment` stands in for the process's own.
 */
export async function openCommandClient(
  option: string | undefined,
  serverHome?: string,
  environment?: Environment,
): Promise<MemoryClient> {
  const [{ openEngram }, { createLogger }, { readClientSettings }, { openEmbedder }, { systemClock }] =
    await Promise.all([
      import("../open-engram.ts"),
      import("../runtime/logger.ts"),
      import("./client-settings.ts"),
      import("../embedding/open-embedder.ts"),
      import("../runtime/clock.ts"),
    ]);
  const home = await homeOf(option);
  const { logLevel, engram, embedding } = await readClientSettings(serverHome ?? home, environment);
  const isPrincipal = serverHome !== undefined && serverHome !== home;
  const archive = isPrincipal ? withoutPaid(engram.archive) : engram.archive;
  // A model is pulled, and money counted, in the server's own folder.
  const place = { home: serverHome ?? home, clock: systemClock };
  const chosen = isPrincipal ? unlessPaid(embedding) : embedding;
  return openEngram({
    ...engram,
    ...(archive && { archive }),
    embedder: await openEmbedder(chosen, place),
    ...(chosen.kind === "built-in" ? {} : { minerEmbedder: await openEmbedder({ kind: "built-in" }, place) }),
    home,
    log: createLogger({ level: logLevel }),
  });
}

function unlessPaid(embedding: EmbeddingSettings): EmbeddingSettings {
  return embedding.kind === "openai" && embedding.price > 0 ? { kind: "built-in" } : embedding;
}

/** Wallet, vision model and priced embeddings of a server are paid by its owner: who calls it with a bearer token does not use them. */
function withoutPaid(archive: ArchiveSettings | undefined): ArchiveSettings | undefined {
  return archive && { gateway: archive.gateway, dailyWinston: 0 };
}
