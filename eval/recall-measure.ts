import type { Conversation, Question } from "./recall-data.ts";

/** What is measured: something that stores a conversation and finds turns in it, best first. */
export interface Recaller extends AsyncDisposable {
  store(conversation: Conversation): Promise<void>;
  /** Ids of the turns found, at most `limit`. */
  query(conversation: Conversation, question: string, limit: number): Promise<readonly string[]>;
}

export interface Figures {
  /** Share of a question's evidence turns among the first 5 and 10, averaged over the questions. */
  readonly r5: number;
  readonly r10: number;
  /** One over the rank of the first evidence turn, 0 beyond 10. */
  readonly mrr10: number;
}

export interface Measured extends Figures {
  readonly questions: number;
  readonly categories: Readonly<Record<string, Figures & { readonly questions: number }>>;
}

const DEPTH = 10;

/** Stores every conversation and asks all its questions that have evidence. */
export async function measure(recaller: Recaller, conversations: readonly Conversation[]): Promise<Measured> {
  const byCategory = new Map<number, Figures[]>();
  for (const conversation of conversations) {
    await recaller.store(conversation);
    for (const question of conversation.questions) {
      if (question.evidence.length === 0) continue;
      const found = await recaller.query(conversation, question.question, DEPTH);
      const figures = byCategory.get(question.category) ?? [];
      byCategory.set(question.category, [...figures, judge(found, question)]);
    }
  }
  const categories = [...byCategory].sort(([a], [b]) => a - b);
  return {
    ...average(categories.flatMap(([, figures]) => figures)),
    categories: Object.fromEntries(categories.map(([category, figures]) => [category, average(figures)])),
  };
}

/** The figures of one question. */
export function judge(found: readonly string[], { evidence }: Pick<Question, "evidence">): Figures {
  const wanted = new Set(evidence);
  const share = (depth: number): number =>
    new Set(found.slice(0, depth).filter((id) => wanted.has(id))).size / wanted.size;
  const first = found.slice(0, DEPTH).findIndex((id) => wanted.has(id));
  return { r5: share(5), r10: share(DEPTH), mrr10: first < 0 ? 0 : 1 / (first + 1) };
}

function average(figures: readonly Figures[]): Figures & { readonly questions: number } {
  const mean = (key: keyof Figures): number =>
    figures.reduce((sum, one) => sum + one[key], 0) / Math.max(1, figures.length);
  return { r5: mean("r5"), r10: mean("r10"), mrr10: mean("mrr10"), questions: figures.length };
}
