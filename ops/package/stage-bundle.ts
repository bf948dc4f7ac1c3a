import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleManifest } from "./bundle-manifest.ts";
import { type Installation, install } from "./installation.ts";

/** Lays out what goes into the bundle in the new folder `staging`: the package without what only nodes need. */
export async function stageBundle(tarball: string, staging: string): Promise<Installation> {
  const installed = await install(tarball, staging, true);
  await writeFile(join(staging, "manifest.json"), JSON.stringify(bundleManifest, null, 2));
  return installed;
}
