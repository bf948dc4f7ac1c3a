import { access, constants, lstat, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { readScanMode } from "../../runtime/config-scan.ts";
import { loadKernel } from "../../vectors/scan/kernel.ts";
import { broken, type Finding, ok, warning } from "./check.ts";
import { nearestFolder } from "./home-location.ts";

const MB = 1024 * 1024;
const FULL_MB = 100;
const NARROW_MB = 1_024;

/** Whether this Node runs Engram. */
export function checkNode(): Finding {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return ok("node", `${node} on ${process.platform} ${process.arch}`);
  return broken("node", `this is Node ${node}`, "Install Node 24, or run npm ci in the checkout, which brings one.");
}

/** Whether this machine searches vectors at the speed of its memory. Throws `CONFIG_INVALID`. */
export function checkScan(load: typeof loadKernel = loadKernel, mode = readScanMode()): Finding {
  if (mode === "plain") return warning("scan", "plain, as ENGRAM_SCAN says", "Leave ENGRAM_SCAN out: it is faster.");
  const kernel = load();
  if (typeof kernel === "function") return ok("scan", "WebAssembly kernel");
  const detail = `the kernel does not run here: ${kernel.missing}`;
  if (mode === "kernel") return broken("scan", detail, "Set ENGRAM_SCAN=auto, or leave it out.");
  return warning(
    "scan",
    `${detail}; vectors are searched more slowly`,
    "Run a Node with WebAssembly SIMD and threads.",
  );
}

/** Whether there is room to write. */
export async function checkDisk(home: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(nearestFolder(home));
  const free = Math.floor((bavail * bsize) / MB);
  const detail = `${free} MB free`;
  if (free < FULL_MB) return broken("disk", detail, "Free some space: a store that finds no room is refused.");
  if (free < NARROW_MB) return warning("disk", detail, "Free some space before it runs out.");
  return ok("disk", detail);
}

/** Whether the data can be written by its owner and read by nobody else. */
export async function checkPermissions(home: string): Promise<Finding> {
  const name = "permissions";
  const folder = nearestFolder(home);
  const writable = await access(folder, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!writable) return broken(name, `${folder} cannot be written`, `Make it yours: chown and chmod 700 ${folder}`);
  if (process.platform === "win32" || folder !== home) return ok(name, "writable");
  const open = await readableByOthers(home);
  if (open.length === 0) return ok(name, "writable, closed to other users");
  const shown = open.slice(0, 3).join(", ");
  return broken(name, `other users can read ${shown}`, `Close them: chmod -R go-rwx ${home}`);
}

async function readableByOthers(home: string): Promise<readonly string[]> {
  if (((await lstat(home)).mode & 0o077) === 0) return []; // nobody else gets past the folder
  const files = await readdir(home, { recursive: true, withFileTypes: true });
  const modes = await Promise.all(
    files
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        const found = await lstat(path).catch(() => null);
        return found !== null && (found.mode & 0o077) !== 0 ? [path] : [];
      }),
  );
  return modes.flat();
}
