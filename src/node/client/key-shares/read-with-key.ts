import { EngramError } from "../../../crypto/errors.ts";
import { shownName } from "../../../crypto/namespace-name.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { Memory } from "../memory.ts";
import type { MinerView } from "../replication/miner-directory.ts";
import { RecordGathering } from "../replication/record-gathering.ts";
import { memoryOf } from "../replication/restoration.ts";
import { readKeyFile } from "./key-file.ts";

/**
 * The memories of a namespace whose key was recovered to this home, as miners hold them, oldest first. Reading only: the
 * wallet does not give that key, so nothing can be stored under it. Errors: `KEY_NOT_SAVED`.
 */
export async function readWithKey(
  wireName: string,
  {
    home,
    owner,
    views,
    signal,
  }: {
    readonly home: string;
    readonly owner: Hotkey;
    readonly views: readonly MinerView[];
    readonly signal: AbortSignal;
  },
): Promise<readonly Memory[]> {
  const access = await readKeyFile(home, owner, wireName);
  if (!access) {
    throw new EngramError("KEY_NOT_SAVED", "there is no recovered key of this namespace here", {
      fix: "recover it with `engram keys recover --wire-name`",
    });
  }
  const gathering = new RecordGathering(access, { anyCid: true });
  await Promise.all(
    views.map((view) =>
      gathering.readFrom(view, { hotkey: view.miner.hotkey, reachable: true, records: 0, skipped: 0 }, signal),
    ),
  );
  const { whole } = gathering.contents();
  const gone = new Set(whole.flatMap(({ kind, id }) => (kind === "tombstone" ? id : [])));
  return whole
    .filter(({ kind, id }) => kind === "memory" && !gone.has(id))
    .flatMap((content) => memoryOf(content, shownName(wireName)))
    .map(({ archiveKey: _, ...memory }): Memory => ({ ...memory, visibility: "private" }))
    .sort((left, right) => left.createdAt - right.createdAt || left.seq - right.seq);
}
