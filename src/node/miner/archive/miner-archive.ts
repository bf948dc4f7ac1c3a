import { join } from "node:path";
import { readArchiveKey } from "../../archive/archive-key.ts";
import type { ArchiveSettings } from "../../archive/archive-settings.ts";
import { archiveUrl } from "../../archive/archive-url.ts";
import type { Archive } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { MinerDeps } from "../miner-options.ts";
import { ArchiveChecker } from "./archive-checker.ts";
import { RecordArchiver } from "./record-archiver.ts";
import { openUploadStore } from "./upload-store.ts";

/** What a miner with a wallet does for records that name archived content. */
export interface MinerArchive extends AsyncDisposable {
  readonly archiver: RecordArchiver;
  readonly checker: ArchiveChecker;
  readonly urlOf: (transactionId: string) => string;
}

interface Deps extends Pick<MinerDeps, "store" | "namespaces"> {
  readonly clock: Clock;
}

/** Undefined without a wallet. Errors: `ARCHIVE_KEY_INVALID`, at the start and not at the first request. */
export async function openMinerArchive(
  folder: string,
  { key, gateway, dailyWinston }: ArchiveSettings,
  deps: Deps,
): Promise<MinerArchive | undefined> {
  if (key === undefined) return undefined;
  const wallet = await readArchiveKey(key.reveal());
  let opened: Promise<Archive> | undefined;
  const archive = () => {
    opened ??= import("../../archive/arweave-archive.ts").then((room) =>
      room.ArweaveArchive.open({ gateway, key: wallet }),
    );
    return opened;
  };
  const uploads = openUploadStore(join(folder, "uploads.db"));
  return {
    archiver: new RecordArchiver({ ...deps, uploads, archive, dailyWinston }),
    checker: new ArchiveChecker({ uploads, archive }),
    urlOf: (transactionId) => archiveUrl(gateway, transactionId),
    [Symbol.asyncDispose]: () => uploads[Symbol.asyncDispose](),
  };
}
