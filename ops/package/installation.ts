import { execFile } from "node:child_process";
import { existsSync, globSync, statSync } from "node:fs";
import { copyFile, link, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

const root = join(import.meta.dirname, "../..");
/** npm is a script of the shell on Windows. */
const shell = process.platform === "win32";
const BLOCK = 4_096;

interface LockEntry {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly link?: boolean;
}

export interface Installation {
  /** `bin/engram.js` of the installed package. */
  readonly launcher: string;
  readonly packages: number;
  /** On disk, in whole blocks, as 10⁶ bytes. */
  readonly megabytes: number;
}

/** Packs the package as it would be published, and returns the tarball's path in `folder`. */
export async function packTarball(folder: string): Promise<string> {
  if (!isBuilt()) await execute("npm", ["run", "build"], { cwd: root, shell });
  const options = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const { stdout } = await execute("npm", options, { cwd: root, shell });
  const [packed] = JSON.parse(stdout) as readonly { readonly filename: string }[];
  if (packed === undefined) throw new Error("npm pack made no tarball");
  return join(folder, packed.filename);
}

/** Whether `dist` is newer than each source; `npm run check` has just built it. */
function isBuilt(): boolean {
  const built = join(root, "dist/cli.js");
  if (!existsSync(built)) return false;
  const { mtimeMs } = statSync(built);
  return ["package.json", ...globSync("src/**/*.*", { cwd: root })].every(
    (file) => statSync(join(root, file)).mtimeMs < mtimeMs,
  );
}

/**
 * Installs the tarball alone in the empty `folder` as `npm install` would, without a network: beside it lie the packages
 * of the lock file's production tree and nothing else, so that what is used and not declared is not found. Files are
 * linked where they can be, never folders: Node resolves those to where they came from, and everything is there.
 */
export async function install(tarball: string, folder: string, omitOptional: boolean): Promise<Installation> {
  const own = join(folder, "node_modules/engram-mcp");
  await mkdir(own, { recursive: true });
  await writeFile(join(folder, "package.json"), "{}");
  await execute("tar", ["-xzf", tarball, "-C", own, "--strip-components=1"]);
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, LockEntry>>;
  };
  let bytes = await weigh(own);
  let packages = 1;
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === "" || entry.dev || entry.link) continue;
    const isOptional = entry.optional === true || entry.devOptional === true;
    if (isOptional && omitOptional) continue;
    const from = join(root, path);
    if (isOptional && !existsSync(from)) continue; // another platform's
    bytes += await linkPackage(from, join(folder, path));
    packages += 1;
  }
  return { launcher: join(own, "bin/engram.js"), packages, megabytes: Math.round(bytes / 1e6) };
}

/** Links the files of one package, without the packages within it, and returns what they weigh. */
async function linkPackage(from: string, to: string): Promise<number> {
  await mkdir(to, { recursive: true });
  let bytes = 0;
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.name === "node_modules") continue;
    if (entry.isDirectory()) bytes += await linkPackage(source, target);
    else if (entry.isFile()) {
      await link(source, target).catch(() => copyFile(source, target));
      bytes += onDisk((await stat(source)).size);
    }
  }
  return bytes;
}

async function weigh(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + onDisk(size), 0);
}

function onDisk(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
