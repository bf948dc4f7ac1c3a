import { mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import { isLoopback } from "../chain/loopback.ts";
import {
  hashOfFile,
  isIntact,
  MANIFEST_FILE,
  type ModelFile,
  type ModelManifest,
  readModelManifest,
} from "./model-manifest.ts";

export interface PullOptions {
  /** Where the files lie: their paths are joined to it. */
  readonly from: string;
  readonly folder: string;
  /** Absent: the folder's own, and where there is none the files are taken as they come, and pinned from then on. */
  readonly manifest?: ModelManifest;
  readonly model: string;
  readonly files: readonly string[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (path: string, bytes: number) => void;
}

export interface PulledModel {
  readonly manifest: ModelManifest;
  /** `recorded`: nobody vouched for these hashes; they are those of this pull. */
  readonly pinned: "given" | "before" | "recorded";
  /** Files that were not there yet. */
  readonly fetched: number;
}

const MAX_UNPINNED_BYTES = 1024 ** 3;
/** A server that sends nothing for so long is given up; what came stays, and the next pull goes on from there. */
const SILENCE_MS = 30_000;

/**
 * Brings a model's files into `folder`. Each is written beside its place, checked, and moved there: what lies in the folder
 * under a file's own name is whole. A pull that was cut off goes on where it ended. Errors: `MODEL_DOWNLOAD`,
 * `MODEL_DAMAGED` (not the pinned bytes), or the signal's reason.
 */
export async function pullModel(options: PullOptions): Promise<PulledModel> {
  const { folder } = options;
  refuseUnsafe(options.from);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const known = options.manifest ?? (await readModelManifest(folder).catch(nothing));
  if (!known) return await pullUnpinned(options);
  let fetched = 0;
  for (const file of known.files) {
    if (await isIntact(join(folder, file.path), file)) continue;
    await fetchPinned(file, options);
    fetched += 1;
  }
  await keepManifest(folder, known);
  return { manifest: known, pinned: options.manifest ? "given" : "before", fetched };
}

/** What is not pinned yet is taken as it comes: then at least from whom it says. */
function refuseUnsafe(from: string): void {
  const url = URL.parse(from);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname))) return;
  throw new EngramError("MODEL_DOWNLOAD", "models are fetched over https, or over http from this machine alone", {
    fix: "give --from an address that begins with https://",
  });
}

async function pullUnpinned(options: PullOptions): Promise<PulledModel> {
  const { folder, model } = options;
  const files: ModelFile[] = [];
  let fetched = 0;
  for (const path of options.files) {
    const place = join(folder, path);
    // What an earlier pull has moved there is whole.
    if ((await sizeOf(place)) === 0) {
      // Without a hash nobody would notice that the beginning came from another place.
      await rm(`${place}.part`, { force: true });
      await settle(await fetchPart(path, MAX_UNPINNED_BYTES, options), place);
      fetched += 1;
    }
    files.push({ path, bytes: await sizeOf(place), sha256: await hashOfFile(place) });
  }
  const manifest = { model, files };
  await keepManifest(folder, manifest);
  return { manifest, pinned: "recorded", fetched };
}

async function fetchPinned(file: ModelFile, options: PullOptions): Promise<void> {
  const part = await fetchPart(file.path, file.bytes, options);
  if (!(await isIntact(part, file))) {
    // Nothing to go on from: the rest would be wrong too.
    await rm(part);
    throw new EngramError("MODEL_DAMAGED", `${file.path} from there is not the file that was pinned`, {
      fix: "pull from the place the manifest is of; nothing was changed",
    });
  }
  await settle(part, join(options.folder, file.path));
}

/** The file's bytes beside its place, the rest of them fetched. */
async function fetchPart(path: string, maxBytes: number, options: PullOptions): Promise<string> {
  const part = join(options.folder, `${path}.part`);
  await mkdir(dirname(part), { recursive: true, mode: 0o700 });
  const url = new URL(path, options.from.endsWith("/") ? options.from : `${options.from}/`);
  const have = await sizeOf(part);
  const silence = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, silence.signal]) : silence.signal;
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  let wasReached = false;
  try {
    const response = await fetch(url, { signal, headers: have > 0 ? { range: `bytes=${have}-` } : {} });
    wasReached = true;
    // What is there is all there is: the range begins at the end.
    if (response.status === 416 && have > 0) return part;
    if (new URL(response.url).protocol !== url.protocol) throw failed(path, "it was sent on to an unsafe address");
    const goesOn = response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${have}-`);
    if (!response.body || !(goesOn || response.status === 200)) throw failed(path, `status ${response.status}`);
    let size = goesOn ? have : 0;
    // Each chunk is in the file before the next is asked for: what came before a break is there to go on from.
    await using file = await open(part, goesOn ? "a" : "w", 0o600);
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      size += chunk.byteLength;
      if (size > maxBytes) throw failed(path, `more than ${maxBytes} bytes`);
      await file.writeFile(chunk);
      options.onProgress?.(path, size);
    }
    return part;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof EngramError) throw error;
    const broke = wasReached ? "the connection broke" : `${url.host} could not be reached`;
    throw failed(path, silence.signal.aborted ? `nothing came for ${SILENCE_MS / 1_000} s` : broke, {
      fix: "check this machine's connection and the address, and run it again",
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function settle(part: string, path: string): Promise<void> {
  const file = await open(part, "r+");
  await file.sync().finally(() => file.close());
  await rename(part, path);
}

async function keepManifest(folder: string, manifest: ModelManifest): Promise<void> {
  const part = join(folder, `${MANIFEST_FILE}.part`);
  await writeFile(part, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  await settle(part, join(folder, MANIFEST_FILE));
}

function nothing(error: unknown): undefined {
  if (error instanceof EngramError && error.code === "MODEL_MISSING") return undefined;
  throw error;
}

function failed(path: string, why: string, options: { readonly fix?: string; readonly cause?: unknown } = {}) {
  return new EngramError("MODEL_DOWNLOAD", `${path} could not be fetched: ${why}`, {
    fix: "check the address and run it again",
    ...options,
  });
}
