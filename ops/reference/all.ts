import { libraryReference } from "./library.ts";
import { gatewayReference, minerReference } from "./routes.ts";

/** The reference pages by their file in docs/reference. */
export function referenceFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["gateway.md", gatewayReference()],
    ["library.md", libraryReference()],
    ["miner.md", minerReference()],
  ]);
}
