import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { noiseSigma, obfuscate } from "../src/crypto/embedding-noise.ts";
import { UseLiteEmbedder } from "../src/node/embedding/use-lite.ts";
import { type Conversation, readConversations, type Turn } from "./recall-data.ts";
import { judge } from "./recall-measure.ts";

/**
 * How many texts a miner that guesses can tell from their obfuscated vectors alone, and what the noise costs recall.
 * The guesser has the model, which is public, and a list of candidate texts with all stored ones among them; a text
 * counts as found when its own is the nearest candidate. It needs neither key nor training.
 */
const { values, positionals } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    epsilon: { type: "string", multiple: true, default: ["3", "1", "0.5", "0.25", "0.125"] },
  },
  allowPositionals: true,
});
const [file = join(import.meta.dirname, "../src/demo/conversation.json")] = positionals;
const conversations = readConversations(file);
/** Another of the same script gives other noise: the figures must not hang on one key. */
const key = new Uint8Array(randomBytes(32));

await using embedder = new UseLiteEmbedder();
const turns = conversations.flatMap((conversation) => conversation.turns.map((turn) => ({ conversation, turn })));
const texts = [...new Set(turns.map(({ turn }) => turn.text))];
const vectors = new Map(await embed(texts));
const results: Awaited<ReturnType<typeof row>>[] = [];
for (const stated of values.epsilon) results.push(await row(Number(stated)));
const exact = await recallWith((text) => vectorOf(text));
const report = {
  date: new Date().toISOString().slice(0, 10),
  ...{ model: embedder.profile.model, dim: embedder.profile.dim, texts: texts.length },
  exact,
  results,
};
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : table());

async function row(epsilon: number) {
  const sigma = noiseSigma(epsilon, embedder.profile.dim);
  const noisy = new Map(texts.map((text) => [text, obfuscate(vectorOf(text), { key, content: text, sigma })]));
  const found = texts.filter((text) => nearest(noisy.get(text) as Float32Array) === text).length;
  // What fresh noise would give away when each text is stored 16 times; ours is the same each time.
  const averaged = texts.filter((text) => nearest(mean(text, sigma, 16)) === text).length;
  const { r10, questions } = await recallWith((text) => noisy.get(text) as Float32Array);
  const meanCosine =
    texts.reduce((sum, text) => sum + dot(noisy.get(text) as Float32Array, vectorOf(text)), 0) / texts.length;
  return {
    ...{ epsilon, sigma, meanCosine, reidentified: found / texts.length, withFreshNoise16: averaged / texts.length },
    ...{ r10, questions },
  };
}

function mean(text: string, sigma: number, times: number): Float32Array {
  const sum = new Float32Array(embedder.profile.dim);
  for (let copy = 0; copy < times; copy++) {
    const one = obfuscate(vectorOf(text), { key, content: `${copy} ${text}`, sigma });
    for (const [index, component] of one.entries()) sum[index] = (sum[index] ?? 0) + component;
  }
  return sum;
}

function nearest(vector: Float32Array): string | undefined {
  let best: string | undefined;
  let score = Number.NEGATIVE_INFINITY;
  for (const [text, candidate] of vectors) {
    const cosine = dot(vector, candidate);
    if (cosine > score) [best, score] = [text, cosine];
  }
  return best;
}

/** Vector search alone, as a miner does it: the share of a question's evidence among the first ten. */
async function recallWith(stored: (text: string) => Float32Array) {
  let r10 = 0;
  let questions = 0;
  for (const conversation of conversations) {
    for (const question of conversation.questions.filter(({ evidence }) => evidence.length > 0)) {
      const [vector] = await embedder.embed([question.question]);
      r10 += judge(rank(conversation, vector as Float32Array, stored), question).r10;
      questions += 1;
    }
  }
  return { r10: r10 / questions, questions };
}

function rank(conversation: Conversation, query: Float32Array, stored: (text: string) => Float32Array): string[] {
  const scored = conversation.turns.map((turn: Turn) => ({ id: turn.id, score: dot(query, stored(turn.text)) }));
  return scored.sort((left, right) => right.score - left.score).map(({ id }) => id);
}

async function embed(all: readonly string[]): Promise<readonly (readonly [string, Float32Array])[]> {
  const found = await embedder.embed(all);
  return all.map((text, index) => [text, found[index] as Float32Array]);
}

function vectorOf(text: string): Float32Array {
  return vectors.get(text) as Float32Array;
}

function dot(left: Float32Array, right: Float32Array): number {
  return left.reduce((sum, component, index) => sum + component * (right[index] ?? 0), 0);
}

function table(): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const lines = results.map(({ epsilon, sigma, meanCosine, reidentified, withFreshNoise16, r10 }) =>
    [epsilon, sigma.toFixed(4), meanCosine.toFixed(3), percent(reidentified), percent(withFreshNoise16), r10.toFixed(3)]
      .map((cell) => String(cell).padStart(14))
      .join(""),
  );
  const head = ["1/noise", "sigma", "cosine", "re-identified", "fresh noise*16", "R@10"];
  return [
    `${report.texts} texts, ${report.model}, ${report.dim} dimensions, ${report.date}; without noise R@10 ${exact.r10.toFixed(3)} of ${exact.questions} questions`,
    head.map((cell) => cell.padStart(14)).join(""),
    ...lines,
    "",
  ].join("\n");
}
