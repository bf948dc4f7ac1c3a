import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { basename, resolve } from "node:path";

/** Hex digits: enough to tell a person's folders apart. */
const FINGERPRINT_DIGITS = 16;

/** The folder that a session works in. */
export interface SessionFolder {
  /** The last part of its path, for people. */
  readonly project: string;
  /** A fingerprint of its whole path. The path itself names the person, and memories may be shared. */
  readonly folder: string;
}

/** Describes a folder; a link to it is the folder itself, and one that is gone is known by the path it had. */
export async function sessionFolder(cwd: string): Promise<SessionFolder> {
  const path = resolve(cwd);
  const real = await realpath(path).catch(() => path);
  return {
    // The root has no last part.
    project: (basename(path) || path).toWellFormed(),
    folder: createHash("sha256").update(real).digest("hex").slice(0, FINGERPRINT_DIGITS),
  };
}
