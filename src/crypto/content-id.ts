import { createHash } from "node:crypto";

/** The content CID of raw bytes: `sha256:` and 64 hex digits (spec 2.5). */
export function contentId(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
