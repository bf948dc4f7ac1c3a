import { readdir, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { isDatabase } from "../runtime/sqlite-backup.ts";

type FileKind = "database" | "plain" | "key";

/** One file of a data folder; `path` is relative to it, with slashes. */
export interface HomeFile {
  readonly path: string;
  readonly kind: FileKind;
}

export interface HomeFiles {
  readonly files: readonly HomeFile[];
  /** Files that are none of Engram's own, and links. */
  readonly unknown: readonly string[];
}

/** What processes make and need no longer once they ended: logs of databases, drafts, locks, what was logged. */
const PASSING = /(-(wal|shm|journal)|\.(new|tmp|partial|log))$|(^|\/)(lock|anvil\.json|qdrant-lock\.db)$/;
/** Files that hold hotkeys, phrases, payment keys and the variables of services. */
const KEYS = /(^|\/)((wallet|identity[\w-]*|namespace-keys)\/[^/]+|[a-z-]+-key|[^/]*\.jwk|\.env|[^/]+\.env)$/;
/** Bytes that wait to be archived, tokens' hashes, where a local subnet is, and what its payment chain holds. */
const PLAIN = /(^|\/)(archive\/[0-9a-f]{64}|mcp-tokens\.json|subnet\.json|ports\.json|evm\/state\/state-\d+\.bin)$/;

/** Every file of the data folder `home`, of a memory home or of a miner, validator or gateway. Links are not followed. */
export async function listHome(home: string): Promise<HomeFiles> {
  const files: HomeFile[] = [];
  const unknown: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(home, folder), { withFileTypes: true });
    for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) await visit(path);
      else if (PASSING.test(path)) continue;
      else {
        const kind = entry.isFile() ? await kindOf(home, path) : undefined;
        if (kind !== undefined) files.push({ path, kind });
        else unknown.push(path);
      }
    }
  };
  await visit("");
  return { files, unknown };
}

async function kindOf(home: string, path: string): Promise<FileKind | undefined> {
  if (KEYS.test(path)) return "key";
  if (PLAIN.test(path)) return "plain";
  const file = join(home, path);
  return (await stat(file)).size > 0 && (await isDatabase(file)) ? "database" : undefined;
}
