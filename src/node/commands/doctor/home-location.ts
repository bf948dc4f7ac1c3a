import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join, parse, resolve, sep } from "node:path";
import { broken, type Finding, ok, warning } from "./check.ts";

/** `f_type` of file systems that another machine serves (linux/magic.h): SQLite's locks do not hold there. */
const NETWORK: Readonly<Record<number, string>> = {
  26985: "NFS",
  20859: "SMB",
  4283649346: "CIFS",
  4266872130: "SMB",
  22092: "NCP",
  16914839: "9P",
  1397113167: "AFS",
  1799439955: "AFS",
  12805120: "Ceph",
  198183888: "Lustre",
  1937076805: "Coda",
  2020557398: "VirtualBox shared folder",
};
const FUSE = 0x65735546;
const MEMORY: readonly number[] = [0x01021994, 0x858458f6];

/** Folder names under which programs copy files to other machines while they are being written. */
const SYNCED =
  /^(dropbox( \(.+\))?|onedrive( - .+)?|google ?drive|googledrive-.+|my drive|icloud ?drive|mobile documents|nextcloud|owncloud|pcloud ?drive|pclouddrive|seafile|sync|box|box sync|mega|megasync|syncthing|yandex\.disk)$/i;
/** Files that such programs leave at the top of what they copy. */
const MARKERS = [
  ".dropbox",
  ".dropbox.cache",
  ".stfolder",
  ".nextcloudsync.log",
  ".owncloudsync.log",
  ".tmp.drivedownload",
];

const MOVE = "Set ENGRAM_HOME to a folder on a local disk and move the data there while no Engram runs.";

/** Whether `home` lies where SQLite's locks and fsyncs hold and no program copies half-written files. */
export async function checkLocation(home: string): Promise<Finding> {
  const name = "location";
  const synced = syncedBy(home);
  if (synced !== undefined) {
    return broken(name, `${home} is copied by a sync program (${synced}), which damages databases in use`, MOVE);
  }
  if (home.startsWith("\\\\")) return broken(name, `${home} is on another machine`, MOVE);
  if (process.platform !== "linux") return ok(name, home);
  const { type } = await statfs(nearestFolder(home));
  const network = NETWORK[type];
  if (network !== undefined) return broken(name, `${home} is on a network file system (${network})`, MOVE);
  if (type === FUSE) {
    return warning(
      name,
      `${home} is on a FUSE file system`,
      "Make sure that it is local: on a network one data is lost.",
    );
  }
  if (MEMORY.includes(type)) {
    return warning(name, `${home} is in the machine's memory`, "Its memories are gone with the next restart: move it.");
  }
  return ok(name, home);
}

/** The folder on the way to `path` that a sync program owns. */
export function syncedBy(path: string, exists: (path: string) => boolean = existsSync): string | undefined {
  const named = resolve(path)
    .split(sep)
    .find((part) => SYNCED.test(part));
  if (named !== undefined) return named;
  for (let folder = resolve(path); folder !== parse(folder).root; folder = dirname(folder)) {
    const marker = MARKERS.find((file) => exists(join(folder, file)));
    // ~/.dropbox is that program's settings, beside what it copies.
    if (marker !== undefined && !(marker === ".dropbox" && exists(join(folder, marker, "instance1")))) return folder;
  }
  return undefined;
}

/** `path`, or the nearest folder above it that is there. */
export function nearestFolder(path: string): string {
  let folder = resolve(path);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
