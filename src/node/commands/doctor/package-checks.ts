import { findPackageJSON } from "node:module";
import { type Finding, ok, warning } from "./check.ts";

/**
 * Packages that `--omit=optional` leaves out, by what they are for. None may ask for a Node beyond 20: npm leaves optional
 * ones out where the Node it runs on itself is older than they ask for, and says nothing.
 */
export const OPTIONAL_PARTS: Readonly<Record<string, readonly string[]>> = {
  payments: ["viem", "@x402/core", "@x402/evm", "@x402/fetch"],
  "test dollars": ["@foundry-rs/anvil"],
  "public chains": ["@polkadot/api"],
  gRPC: ["@grpc/grpc-js", "@grpc/proto-loader"],
};

/** Packages of embedders that never come with Engram. */
const EMBEDDER_PACKAGES: Readonly<Record<string, string>> = { minilm: "@huggingface/transformers" };

/** Which parts are left out of this installation: a choice, and no fault, unless the chosen `embedder` needs them. */
export function checkPackages(embedder = "built-in", isThere: (name: string) => boolean = isInstalled): Finding {
  const needed = EMBEDDER_PACKAGES[embedder];
  if (needed !== undefined && !isThere(needed)) {
    const fix = `Run "npm install ${needed}" where Engram is installed.`;
    return warning("packages", `ENGRAM_EMBEDDER=${embedder} needs ${needed}, which is not installed`, fix);
  }
  const missing = Object.entries(OPTIONAL_PARTS)
    .filter(([, packages]) => !packages.every(isThere))
    .map(([part]) => part);
  if (missing.length === 0) return ok("packages", "every part is installed");
  const detail = `installed without ${missing.join(", ")}; who needs them installs Engram without --omit=optional`;
  return ok("packages", detail);
}

function isInstalled(name: string): boolean {
  try {
    return findPackageJSON(name, import.meta.url) !== undefined;
  } catch {
    return false;
  }
}
