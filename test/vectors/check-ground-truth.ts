import { deepEqual, equal } from "node:assert/strict";
import { z } from "zod";
import { toHex } from "../../src/crypto/hex.ts";
import { readLines } from "../../src/node/runtime/read-lines.ts";
import { entryLine } from "../../src/node/validator/ground-truth/entry.ts";
import { entriesOf } from "../../src/node/validator/ground-truth/generate.ts";
import { readEntries } from "../../src/node/validator/ground-truth/ground-truth-file.ts";
import { checker } from "./checker.ts";

const texts = z.array(z.string());
const loadCase = z.object({
  input: z.string(),
  expected: z.object({
    count: z.int(),
    entries: z.array(
      z.object({
        text: z.string(),
        cid: z.string(),
        top_k_cids: texts,
        embedding_f32: z.array(z.number()),
        embedding_le_hex: z.string(),
      }),
    ),
    saved_jsonl: z.string(),
  }),
});

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, "utf8");
}

const groundTruthLoad = checker(async (vector) => {
  const { input, expected } = loadCase.parse(vector);
  const { entries } = await readEntries(readLines(bytesOf(input)));
  equal(entries.length, expected.count);
  deepEqual(
    entries.map(({ text, cid, topK, embedding }) => ({
      text,
      cid,
      top_k_cids: topK,
      embedding_f32: Array.from(embedding),
      embedding_le_hex: toHex(new Uint8Array(embedding.buffer)),
    })),
    expected.entries,
  );
  equal(entries.map((entry) => `${entryLine(entry)}\n`).join(""), expected.saved_jsonl);
});

const topKCase = z.object({
  input: z.object({ texts, embeddings: z.array(z.array(z.number())), recall_k: z.literal(10) }),
  expected: z.object({ cids: texts, top_k: z.array(texts), first_line: z.string() }),
});
const groundTruthTopK = checker((vector) => {
  const { input, expected } = topKCase.parse(vector);
  const embeddings = input.embeddings.map((numbers) => Float32Array.from(numbers));
  const entries = entriesOf(input.texts, embeddings);
  deepEqual(
    entries.map(({ cid }) => cid),
    expected.cids,
  );
  deepEqual(
    entries.map(({ topK }) => topK),
    expected.top_k,
  );
  equal(entries[0] && entryLine(entries[0]), expected.first_line.trimEnd());
});

/** What the ground truth's kinds verify. */
export const groundTruthKinds = { "groundtruth-load": groundTruthLoad, "groundtruth-topk": groundTruthTopK };
