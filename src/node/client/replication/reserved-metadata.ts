import { EngramError } from "../../../crypto/errors.ts";
import type { Metadata } from "../memory.ts";

/** Keys of a public record that are the protocol's own. */
const RESERVED: ReadonlySet<string> = new Set(["text", "author", "author_sig", "engram", "model_version"]);
/** Whether a public record needs this metadata key for itself; miners add keys of their own that begin with `_`. */
export function isReserved(key: string): boolean {
  return RESERVED.has(key) || key.startsWith("_");
}

/** Throws `METADATA_RESERVED` when a public memory's metadata uses a key that the record needs for itself. */
export function assertPublicMetadata(metadata: Metadata): void {
  const taken = Object.keys(metadata).find(isReserved);
  if (taken === undefined) return;
  throw new EngramError(
    "METADATA_RESERVED",
    `the metadata key ${JSON.stringify(taken)} is reserved in public memories`,
    {
      fix: `rename it: ${[...RESERVED].join(", ")} and names that begin with _ belong to the record itself`,
    },
  );
}
