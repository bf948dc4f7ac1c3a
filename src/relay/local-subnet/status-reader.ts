import { z } from "zod";
import { openControlledChain } from "../../node/chain/open-chain.ts";
import type { ChainClient } from "../../node/ports.ts";
import { createHttpClient } from "../../node/runtime/http-client.ts";
import { type Outbox, openOutbox } from "../outbox/outbox.ts";
import type { SubmissionState } from "../outbox/outbox-types.ts";
import { type RelayStatus, relayStatus } from "../status.ts";
import type { LocalSubnet } from "./local-subnet.ts";
import { folderOf, minerNames, subnetFolder, validatorNames } from "./plan.ts";

/** A subnet as it is now. What does not answer is null; text from the network is never in it. */
export interface SubnetStatus {
  readonly processes: readonly { readonly name: string; readonly state: string; readonly pid: number | null }[];
  readonly chain: { readonly block: number; readonly finalized: number } | null;
  readonly miners: { readonly reachable: number; readonly of: number };
  /** The newest ranking of any validator: recall by uid. */
  readonly round: {
    readonly roundId: number;
    readonly state: SubmissionState;
    readonly recall: Readonly<Record<string, number>>;
  } | null;
  /** By validator. */
  readonly relay: Readonly<Record<string, RelayStatus | null>>;
  readonly receipts: number | null;
  readonly lastReceipt: LastReceipt | null;
  /** Millionths of a test dollar by account; null without payments. */
  readonly balances: Readonly<Record<string, number>> | null;
}

interface LastReceipt {
  readonly seq: number;
  readonly block: number;
  readonly assurance: "quorum" | "author" | "payer";
  readonly signatures: { readonly have: number; readonly need: number };
  readonly paid: boolean;
}

const LIMITS = { deadlineMs: 1_500, maxBytes: 4_000_000 } as const;

const health = z.object({ receipts: z.int().nonnegative() });
const feed = z.object({
  external_intelligence: z.array(
    z.object({
      seq: z.int(),
      block: z.int(),
      assurance: z.enum(["quorum", "author", "payer"]),
      verified: z.object({
        quorum: z.object({ have: z.int(), need: z.int() }),
        payment: z.boolean(),
      }),
    }),
  ),
});
const ranking = z.object({ scores: z.record(z.string().regex(/^\d+$/), z.looseObject({ recall: z.number() })) });

/** Reads a running subnet's state, from its processes and from its validators' folders. */
export class StatusReader implements AsyncDisposable {
  readonly #subnet: LocalSubnet;
  readonly #chain: ChainClient;
  readonly #http = createHttpClient();
  readonly #outboxes: ReadonlyMap<string, Outbox>;

  constructor(subnet: LocalSubnet) {
    this.#subnet = subnet;
    this.#chain = openControlledChain(subnet.chain, subnetFolder(subnet.plan));
    const names = validatorNames(subnet.plan);
    this.#outboxes = new Map(names.map((name) => [name, openOutbox(folderOf(subnet.plan, name))]));
  }

  /** Never fails: what cannot be read is left out. */
  async read(): Promise<SubnetStatus> {
    const processes = this.#subnet.processes.map(({ name, state, running }) => ({
      name,
      state,
      pid: running?.pid ?? null,
    }));
    const [chain, miners, round, relay, receipts, balances] = await Promise.all([
      quietly(this.#blocks()),
      this.#miners(),
      quietly(this.#round()),
      this.#relay(),
      quietly(this.#receipts()),
      quietly(this.#balances()),
    ]);
    const lastReceipt = receipts === null || receipts === 0 ? null : await quietly(this.#receipt(receipts));
    return { processes, chain, miners, round, relay, receipts, lastReceipt, balances };
  }

  async #blocks() {
    const [head, finalized] = await Promise.all([this.#chain.head(), this.#chain.finalized()]);
    return { block: head.number, finalized: finalized.number };
  }

  async #miners() {
    const names = minerNames(this.#subnet.plan);
    const urls = this.#subnet.processes.flatMap(({ name, running }) =>
      running && names.includes(name) ? [running.url] : [],
    );
    const answers = await Promise.all(urls.map((url) => quietly(this.#http.get(`${url}/health`, LIMITS))));
    return { reachable: answers.filter((answer) => answer?.status === 200).length, of: names.length };
  }

  async #round() {
    const newest = await Promise.all(
      [...this.#outboxes.values()].map((outbox) => quietly(outbox.call("list", { state: null, limit: 5 }))),
    );
    const [last] = newest
      .flatMap((list) => list ?? [])
      .filter(({ outputType }) => outputType === "ranking")
      // Of one round the one that is sent counts; the other validator's is given up for it.
      .sort((one, other) => other.roundId - one.roundId || rank(one.state) - rank(other.state));
    if (!last) return null;
    const { scores } = ranking.parse(JSON.parse(last.outputJson));
    const recall = Object.fromEntries(Object.entries(scores).map(([uid, score]) => [uid, score.recall]));
    return { roundId: last.roundId, state: last.state, recall };
  }

  async #relay() {
    const entries = [...this.#outboxes].map(
      async ([name, outbox]) => [name, await quietly(relayStatus(outbox))] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  }

  async #receipts(): Promise<number> {
    const { text } = await this.#http.get(`${this.#subnet.gateway.url}/health`, LIMITS);
    return health.parse(JSON.parse(text)).receipts;
  }

  async #receipt(number: number): Promise<LastReceipt | null> {
    const url = `${this.#subnet.gateway.url}/v1/external-intelligence?since=${number - 1}&limit=1&min_assurance=payer`;
    const { text } = await this.#http.get(url, LIMITS);
    const [item] = feed.parse(JSON.parse(text)).external_intelligence;
    if (!item) return null;
    const { seq, block, assurance, verified } = item;
    return { seq, block, assurance, signatures: verified.quorum, paid: verified.payment };
  }

  async #balances() {
    const { money } = this.#subnet;
    const evm = money?.evm();
    if (!money || !evm) return null;
    const accounts = Object.entries({ gateway: money.accounts.payTo, ...money.accounts.payers });
    const balances = accounts.map(async ([name, address]) => [name, await evm.balance(address)] as const);
    return Object.fromEntries(await Promise.all(balances));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#outboxes.values()].map((outbox) => outbox[Symbol.asyncDispose]()));
    await this.#chain[Symbol.asyncDispose]();
  }
}

function rank(state: SubmissionState): number {
  return state === "delivered" ? 0 : state === "orphaned" || state === "skipped" ? 2 : 1;
}

async function quietly<T>(work: Promise<T>): Promise<T | null> {
  return await work.catch(() => null);
}
