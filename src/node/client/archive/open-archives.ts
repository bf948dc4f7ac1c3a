import { join } from "node:path";
import { EngramError } from "../../../crypto/errors.ts";
import { type ArchiveSettings, readArchiveSettings } from "../../archive/archive-settings.ts";
import type { Archive } from "../../ports.ts";
import type { PublicGuard } from "../../runtime/public-fetch.ts";
import { ArchiveKeeper, type ArchiveKeeperDeps } from "./archive-keeper.ts";
import type { Archives } from "./archives.ts";
import { Spool } from "./spool.ts";
import { Uploader, type UploaderDeps } from "./uploader.ts";

export interface OpenArchivesOptions {
  readonly archive?: ArchiveSettings;
  readonly publicGuard?: PublicGuard;
}

type Deps = Pick<ArchiveKeeperDeps, "home" | "openNamespace" | "stored"> &
  Pick<UploaderDeps, "store" | "leases" | "clock" | "log" | "signal">;

/** Archives whose background work was not begun yet; it ends with the client's signal. */
export interface OpenedArchives extends Archives, AsyncDisposable {
  /** Begins to send what waits, once, and where a wallet is configured. */
  start(): void;
}

/** The archives of a client. Wallet, library and gateway are touched by the first call that needs them. */
export function openArchives(options: OpenArchivesOptions, deps: Deps): OpenedArchives {
  const settings = options.archive ?? readArchiveSettings({});
  const spool = new Spool(join(deps.home, "archive"));
  const archive = opener(settings);
  const uploader = new Uploader({ ...deps, spool, archive, dailyWinston: settings.dailyWinston });
  const keeper = new ArchiveKeeper({
    ...{ ...deps, settings, spool, uploader, archive },
    ...(options.publicGuard ? { guard: options.publicGuard } : {}),
  });
  return Object.assign(keeper, {
    start: () => {
      if (settings.key !== undefined) uploader.start();
    },
    [Symbol.asyncDispose]: () => uploader.stopped(),
  });
}

/** Opens once; what failed is tried again by the next call, as a wallet file may have been put right. */
function opener({ key, gateway }: ArchiveSettings): () => Promise<Archive> {
  let opened: Promise<Archive> | undefined;
  const open = async (): Promise<Archive> => {
    if (key === undefined) throw new EngramError("ARCHIVE_OFF", "no Arweave wallet is configured");
    const [{ readArchiveKey }, { ArweaveArchive }] = await Promise.all([
      import("../../archive/archive-key.ts"),
      import("../../archive/arweave-archive.ts"),
    ]);
    return await ArweaveArchive.open({ gateway, key: await readArchiveKey(key.reveal()) });
  };
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
