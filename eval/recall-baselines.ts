import { QUESTION_WORDS, STOP_WORDS } from "../src/node/client/recall/stop-words.ts";
import { wordTerms } from "../src/node/client/recall/terms.ts";
import { UseLiteEmbedder } from "../src/node/embedding/use-lite.ts";
import type { Conversation, Turn } from "./recall-data.ts";
import type { Recaller } from "./recall-measure.ts";

const K1 = 1.2;
const B = 0.75;
const DROPPED = new Set([...STOP_WORDS, ...QUESTION_WORDS]);

const line = ({ speaker, text }: Turn): string => `${speaker}: ${text}`;

/** The built-in model alone: cosine of the question's and the turn's vector. */
export class VectorBaseline implements Recaller {
  readonly #embedder = new UseLiteEmbedder();
  #vectors: readonly Float32Array[] = [];

  async store({ turns }: Conversation): Promise<void> {
    this.#vectors = await this.#embedder.embed(turns.map(line));
  }

  async query({ turns }: Conversation, question: string, limit: number): Promise<readonly string[]> {
    const [vector] = await this.#embedder.embed([question]);
    if (!vector) return [];
    return best(
      turns,
      this.#vectors.map((one) => one.reduce((sum, x, i) => sum + x * (vector[i] ?? 0), 0)),
      limit,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#embedder[Symbol.asyncDispose]();
  }
}

/** Plain BM25 over stemmed words without stop words. */
export class Bm25Baseline implements Recaller {
  #terms: readonly (readonly string[])[] = [];
  readonly #rows = new Map<string, number>();
  #meanLength = 1;

  async store({ turns }: Conversation): Promise<void> {
    this.#terms = turns.map((turn) => wordTerms(line(turn)));
    this.#rows.clear();
    for (const terms of this.#terms) {
      for (const term of new Set(terms)) this.#rows.set(term, (this.#rows.get(term) ?? 0) + 1);
    }
    this.#meanLength = this.#terms.reduce((sum, terms) => sum + terms.length, 0) / Math.max(1, turns.length);
  }

  async query({ turns }: Conversation, question: string, limit: number): Promise<readonly string[]> {
    const asked = wordTerms(question, DROPPED);
    return best(
      turns,
      this.#terms.map((terms) => this.#score(terms, asked)),
      limit,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #score(terms: readonly string[], asked: readonly string[]): number {
    const norm = K1 * (1 - B + (B * terms.length) / this.#meanLength);
    return asked.reduce((sum, term) => {
      const count = terms.filter((one) => one === term).length;
      const rows = this.#rows.get(term) ?? 0;
      const idf = Math.log(1 + (this.#terms.length - rows + 0.5) / (rows + 0.5));
      return sum + (idf * count * (K1 + 1)) / (count + norm);
    }, 0);
  }
}

function best(turns: readonly Turn[], scores: readonly number[], limit: number): readonly string[] {
  return turns
    .map(({ id }, i) => ({ id, score: scores[i] ?? 0 }))
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ id }) => id);
}
