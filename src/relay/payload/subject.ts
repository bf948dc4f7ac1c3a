import { isSubnetArray, isSubnetObject } from "../../crypto/subnet-json.ts";
import type { FrozenOutput } from "./freeze-output.ts";
import { sha256Hex } from "./hashes.ts";

/**
 * What makes two outputs the same thing said again. A memory output's hash also covers what was true at one moment,
 * such as the number of its replicas: told again a minute later it must not be sent, and paid for, twice.
 */
export function subjectOf({ type, document, hash }: FrozenOutput): string {
  const items = document.get("items");
  if (type !== "memory" || !isSubnetArray(items)) return hash;
  const contents = items.map((item) => (isSubnetObject(item) ? item.get("content_sha256") : null));
  return sha256Hex(JSON.stringify([document.get("query_sha256"), contents]));
}
