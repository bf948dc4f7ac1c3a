import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MiniLmEmbedder } from "../../src/node/embedding/minilm.ts";
import { checkModelFiles, type ModelManifest, parseModelManifest } from "../../src/node/embedding/model-manifest.ts";
import { type PullOptions, pullModel } from "../../src/node/embedding/pull-model.ts";

const FILES: Readonly<Record<string, Buffer>> = {
  "config.json": Buffer.from('{"hidden_size": 384}'),
  "onnx/model.onnx": Buffer.alloc(300_000, "weights "),
};
const paths = Object.keys(FILES);

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const manifest: ModelManifest = {
  model: "all-MiniLM-L6-v2",
  files: paths.map((path) => ({ path, bytes: bytesOf(path).length, sha256: sha256(bytesOf(path)) })),
};

function bytesOf(path: string): Buffer {
  return FILES[path] ?? Buffer.alloc(0);
}

let folder: string;
const asked: { readonly path: string; readonly range: string | undefined }[] = [];
/** How the server treats the next request of the large file. */
let cut = () => {};
let mood: "good" | "cut" | "no ranges" | "changed" | "endless" = "good";

const server = createServer(async (request, response) => {
  const path = (request.url ?? "").slice("/model/".length);
  const { range } = request.headers;
  asked.push({ path, range });
  const found = FILES[path];
  if (!found) return response.writeHead(404).end();
  const large = path.endsWith(".onnx");
  const bytes = large && mood === "changed" ? Buffer.alloc(found.length, "damages ") : found;
  const from = range !== undefined && mood !== "no ranges" ? Number(/^bytes=(\d+)-$/.exec(range)?.[1]) : 0;
  const contentRange = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(from > 0 ? 206 : 200, from > 0 ? contentRange : {});
  if (large && mood === "cut") {
    cut = () => response.destroy();
    response.write(bytes.subarray(from, from + 100_000));
  } else if (large && mood === "endless") {
    while (!response.destroyed) if (!response.write(bytes)) await once(response, "drain").catch(() => undefined);
  } else response.end(bytes.subarray(from));
});

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "engram-model-")), "all-MiniLM-L6-v2");
  mood = "good";
  asked.length = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(join(folder, ".."), { recursive: true });
});

function pull(options: Partial<Pick<PullOptions, "manifest" | "from" | "onProgress">> = {}) {
  const from = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`;
  return pullModel({ from, folder, model: "all-MiniLM-L6-v2", files: paths, ...options });
}

const held = () => readFile(join(folder, "onnx/model.onnx"));

describe("a pull", () => {
  test("without a manifest records the hashes, and says so; the next holds the files to them", async () => {
    expect(await pull()).toEqual({ manifest, pinned: "recorded", fetched: 2 });
    expect(await held()).toEqual(bytesOf("onnx/model.onnx"));
    expect(await checkModelFiles(folder)).toEqual(manifest);
    expect(await pull()).toEqual({ manifest, pinned: "before", fetched: 0 });
    await writeFile(join(folder, "onnx/model.onnx"), "damaged");
    await expect(checkModelFiles(folder)).rejects.toMatchObject({ code: "MODEL_DAMAGED" });
    mood = "changed";
    await expect(pull()).rejects.toMatchObject({ code: "MODEL_DAMAGED" });
    mood = "good";
    expect(await pull()).toMatchObject({ pinned: "before", fetched: 1 });
    await checkModelFiles(folder);
  });

  test("with a manifest takes nothing else, and puts nothing else in the files' places", async () => {
    mood = "changed";
    await expect(pull({ manifest })).rejects.toMatchObject({ code: "MODEL_DAMAGED" });
    expect(await readdir(join(folder, "onnx"))).toEqual([]);
    await expect(MiniLmEmbedder.open(folder)).rejects.toMatchObject({ code: "MODEL_MISSING" });
    mood = "good";
    expect(await pull({ manifest })).toEqual({ manifest, pinned: "given", fetched: 1 });
  });

  test("that was cut off goes on where it ended, also at a server that knows no ranges", async () => {
    for (const next of ["good", "no ranges"] as const) {
      await rm(folder, { recursive: true, force: true });
      mood = "cut";
      const onProgress = (_: string, bytes: number) => bytes >= 100_000 && cut();
      await expect(pull({ manifest, onProgress })).rejects.toMatchObject({ code: "MODEL_DOWNLOAD" });
      expect(await readdir(join(folder, "onnx"))).toEqual(["model.onnx.part"]);
      mood = next;
      expect(await pull({ manifest })).toMatchObject({ fetched: 1 });
      expect(asked.at(-1)).toEqual({ path: "onnx/model.onnx", range: "bytes=100000-" });
      expect(await held()).toEqual(bytesOf("onnx/model.onnx"));
    }
  });

  test("without a manifest begins anew what was cut off: the next server may have another file", async () => {
    mood = "cut";
    const onProgress = (_: string, bytes: number) => bytes >= 100_000 && cut();
    await expect(pull({ onProgress })).rejects.toMatchObject({ code: "MODEL_DOWNLOAD" });
    mood = "changed";
    await pull();
    expect(await held()).toEqual(Buffer.alloc(bytesOf("onnx/model.onnx").length, "damages "));
  });

  test("takes no more than the pinned size, nothing over an unsafe address, and no path out of the folder", async () => {
    mood = "endless";
    await expect(pull({ manifest })).rejects.toMatchObject({ code: "MODEL_DOWNLOAD" });
    await expect(pull({ from: "http://127.0.0.1:9/" })).rejects.toMatchObject({
      message: expect.stringContaining("127.0.0.1:9 could not be reached"),
      fix: expect.stringContaining("connection"),
    });
    await expect(pull({ from: "http://models.example.org/" })).rejects.toMatchObject({ code: "MODEL_DOWNLOAD" });
    for (const path of ["../config.json", "/etc/passwd", "a/../../b", "a\\b", ""]) {
      const text = JSON.stringify({ model: "m", files: [{ path, bytes: 1, sha256: "0".repeat(64) }] });
      expect(() => parseModelManifest(text)).toThrow(expect.objectContaining({ code: "MODEL_MANIFEST" }));
    }
  });
});

test("without its package MiniLM says in a sentence what to install", async () => {
  await pull();
  await using embedder = await MiniLmEmbedder.open(folder);
  await expect(embedder.embed(["a text"])).rejects.toMatchObject({
    code: "EMBEDDER_FAILED",
    message: expect.stringMatching(/not installed: npm install @huggingface\/transformers/),
  });
});
