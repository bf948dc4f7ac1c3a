import { setTimeout } from "node:timers/promises";
import { DemoAgent, type DemoItem } from "../src/demo/demo-agent.ts";
import { isoDate, parseDate } from "../src/mcp/dates.ts";
import type { Conversation, Turn } from "./recall-data.ts";
import type { Recaller } from "./recall-measure.ts";

const ITEMS_PER_CALL = 50;

/** Engram as an agent meets it: the shipped server and its tools; one memory a turn, one namespace a conversation. */
export class EngramRecaller implements Recaller {
  readonly #agent: DemoAgent;
  /** Turns by memory; several when one said the same thing twice in a session. */
  readonly #turns = new Map<string, readonly string[]>();

  private constructor(agent: DemoAgent) {
    this.#agent = agent;
  }

  static async start(home: string): Promise<EngramRecaller> {
    return new EngramRecaller(await DemoAgent.start(home));
  }

  async store({ conversation, turns }: Conversation): Promise<void> {
    for (let from = 0; from < turns.length; from += ITEMS_PER_CALL) {
      const batch = turns.slice(from, from + ITEMS_PER_CALL);
      const ids = await this.#agent.store(conversation, batch.map(asItem));
      batch.forEach(({ id }, i) => {
        const memory = ids[i] ?? "";
        this.#turns.set(memory, [...(this.#turns.get(memory) ?? []), id]);
      });
    }
    while ((await this.#agent.status()).awaiting_vectors > 0) await setTimeout(250);
  }

  async query({ conversation }: Conversation, question: string, limit: number): Promise<readonly string[]> {
    const hits = await this.#agent.recall(conversation, question);
    return hits.flatMap(({ id }) => this.#turns.get(id) ?? []).slice(0, limit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent[Symbol.asyncDispose]();
  }
}

function asItem({ text, speaker, session, date }: Turn): DemoItem {
  const at = parseDate(date);
  return { text, speaker, session: `session ${session}`, ...(at === undefined ? {} : { at: isoDate(at) }) };
}
