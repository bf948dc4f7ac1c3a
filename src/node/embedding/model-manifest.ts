import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { EngramError, isEngramError } from "../../crypto/errors.ts";

/** What MiniLM's folder holds, for whoever has no manifest of it. */
export const MINILM_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model.onnx"] as const;

/** The whole command, and what its address must serve: Engram vouches for no address, and so has none of its own. */
export const PULL_COMMAND = `engram models pull --from https://…/, the address of a folder with ${MINILM_FILES.join(", ")} (engram models pull --help names one)`;

/** In the model's folder. */
export const MANIFEST_FILE = "engram-model.json";

/** The largest file of a model; a server that sends on without end must not fill the disk. */
const MAX_FILE_BYTES = 2 * 1024 ** 3;
const MAX_FILES = 50;
/** Below the folder, and nowhere else. */
const relativePath = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/, "must be a path below the folder");

const manifestShape = z.strictObject({
  model: z.string().min(1).max(200),
  files: z
    .array(
      z.strictObject({
        path: relativePath,
        bytes: z.int().min(0).max(MAX_FILE_BYTES),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits"),
      }),
    )
    .min(1)
    .max(MAX_FILES),
});

/** A model's files, each pinned by its hash. */
export type ModelManifest = z.output<typeof manifestShape>;
export type ModelFile = ModelManifest["files"][number];

/** Errors: `MODEL_MANIFEST`. */
export function parseModelManifest(text: string): ModelManifest {
  try {
    return manifestShape.parse(JSON.parse(text));
  } catch (cause) {
    const fix = 'it must be like {"model": "…", "files": [{"path": "…", "bytes": 1, "sha256": "…"}]}';
    throw new EngramError("MODEL_MANIFEST", "this is no manifest of a model", { fix, cause });
  }
}

/** Of the model in `folder`. Errors: `MODEL_MISSING`, `MODEL_MANIFEST`. */
export async function readModelManifest(folder: string): Promise<ModelManifest> {
  const text = await readFile(join(folder, MANIFEST_FILE), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new EngramError(
      "MODEL_MISSING",
      "the model's files are not there, or were not pulled by engram models pull",
      {
        fix: `run ${PULL_COMMAND}, or set ENGRAM_MODEL_FOLDER to where it put them`,
      },
    );
  });
  return parseModelManifest(text);
}

/** Every file of the model is there and is what its manifest says. Errors: as `readModelManifest`, `MODEL_DAMAGED`. */
export async function checkModelFiles(folder: string): Promise<ModelManifest> {
  const manifest = await readModelManifest(folder);
  for (const file of manifest.files) {
    if (await isIntact(join(folder, file.path), file)) continue;
    throw new EngramError("MODEL_DAMAGED", `${file.path} is missing, or is not the file that was pinned`, {
      fix: `run ${PULL_COMMAND}`,
    });
  }
  return manifest;
}

/** Whether the file at `path` is the one that was pinned. */
export async function isIntact(path: string, { bytes, sha256 }: Omit<ModelFile, "path">): Promise<boolean> {
  try {
    return (await stat(path)).size === bytes && (await hashOfFile(path)) === sha256;
  } catch (error) {
    if (!isEngramError(error) && (error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** SHA-256 in lower-case hex. */
export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
