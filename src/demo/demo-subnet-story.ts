import { execFile } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { isHotkey } from "../crypto/ss58.ts";
import { openChain } from "../node/chain/open-chain.ts";
import type { CheckedItem } from "../relay/intelligence/types.ts";
import { DemoAgent } from "./demo-agent.ts";
import type { DemoMoney } from "./demo-money.ts";
import { DemoReader } from "./demo-reader.ts";
import type { Step, StepResult } from "./demo-step.ts";
import { DemoSubnet } from "./demo-subnet.ts";

const COPIES_MS = 90_000;
const ROUND_MS = 120_000;
const PAID_MS = 60_000;
const LOST_MINER = "miner-3";
const SHARES = 2;

export interface SubnetStoryOptions {
  /** The data folder in which an agent has stored memories. */
  readonly home: string;
  /** The namespace whose key is split. */
  readonly namespace: string;
  /** False where anvil cannot run. */
  readonly payments: boolean;
  /** A program that reads the feed as SageBot does, absolute; it is started with `--home`. */
  readonly consumer?: string | undefined;
  /** Ends the agent that knows of no subnet yet. */
  leave(): Promise<void>;
}

/** What stands behind the agent, one step after the other: a subnet on this machine, each part a process. */
export class DemoSubnetStory implements AsyncDisposable {
  readonly #options: SubnetStoryOptions;
  #subnet: DemoSubnet | undefined;
  #agent: DemoAgent | undefined;
  #money: DemoMoney | undefined;
  #before = { payers: 0, payTo: 0 };
  #ranking: CheckedItem | undefined;

  constructor(options: SubnetStoryOptions) {
    this.#options = options;
  }

  steps(): readonly Step[] {
    return [
      { name: "subnet", run: () => this.#startSubnet() },
      { name: "copies", run: () => this.#copies() },
      { name: "key shares", run: () => this.#keyShares() },
      { name: "round", run: () => this.#round() },
      { name: "relay", run: () => this.#relay() },
      { name: "payment", run: () => this.#payment() },
      { name: "sagebot", run: () => this.#sagebot() },
      { name: "stop", run: () => this.#stop() },
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.[Symbol.asyncDispose]();
    await this.#subnet?.[Symbol.asyncDispose]();
  }

  async #startSubnet(): Promise<StepResult> {
    const { home, payments } = this.#options;
    await this.#options.leave();
    const subnet = await DemoSubnet.start(home, payments);
    this.#subnet = subnet;
    if (subnet.ready.payments) {
      const { DemoMoney } = await import("./demo-money.ts"); // the EVM library is large, and left out of light installs
      this.#money = new DemoMoney(subnet.ready.payments.rpcUrl, subnet.ready.payments.asset);
      this.#before = await this.#balances();
    }
    this.#agent = await DemoAgent.start(home);
    const [miners, validators] = [subnet.count("miner"), subnet.count("validator")];
    return {
      ok: miners === 3 && validators === 2 && (subnet.ready.payments !== null) === payments,
      detail: `${subnet.ready.processes.length} processes: chain, ${miners} miners, ${validators} validators, gateway${payments ? ", payment chain" : ""}`,
    };
  }

  /** The agent's memories of before find the miners by themselves. */
  async #copies(): Promise<StepResult> {
    const agent = this.#running();
    const settled = await until(COPIES_MS, async () => {
      const { replicas, journal } = await agent.status();
      return replicas.have === replicas.target && journal.pushes === 0 ? replicas : undefined;
    });
    const { have, target } = settled ?? (await agent.status()).replicas;
    return {
      ok: settled !== undefined && target === 3,
      detail: `every memory has ${have} of ${target} encrypted copies`,
    };
  }

  async #keyShares(): Promise<StepResult> {
    const agent = this.#running();
    const { namespace } = this.#options;
    const split = await agent.splitKey(namespace, SHARES);
    this.#up().kill(LOST_MINER);
    const recovered = await agent.recoverKey(namespace);
    return {
      ok: split.stored === 3 && recovered.fingerprint === split.fingerprint && recovered.valid >= SHARES,
      detail:
        `key split among ${split.stored} miners, ${LOST_MINER} killed, the key put together again from ` +
        `${recovered.valid} shares (${SHARES} needed): ${recovered.fingerprint.slice(0, 16)}`,
    };
  }

  /** Both validators measured without knowing of each other's scores, agreed, and said so on the chain. */
  async #round(): Promise<StepResult> {
    const { chain: setting, processes } = this.#up().ready;
    await using chain = openChain(setting, this.#options.home);
    const validators = processes.flatMap(({ name, hotkey }) =>
      name.startsWith("validator") && typeof hotkey === "string" && isHotkey(hotkey) ? [hotkey] : [],
    );
    const rows = await until(ROUND_MS, async () => {
      const weights = await chain.weights();
      const uids = await Promise.all(validators.map((hotkey) => chain.uidOf(hotkey)));
      const found = uids.flatMap((uid) => (uid === null ? [] : (weights.get(uid) ?? [])));
      return found.length === validators.length ? found : undefined;
    });
    const shown = (rows ?? []).map(describeWeights);
    return {
      ok: rows !== undefined,
      detail: `${shown.length} validators agreed and set weights on the chain`,
      examples: shown.map((row, i) => `validator-${i + 1}: ${row}`),
    };
  }

  /** Delivered after finality, signed by both, and checked here rather than believed. */
  async #relay(): Promise<StepResult> {
    const found = await until(ROUND_MS, async () => (await this.#reader().rankings())[0]);
    this.#ranking = found;
    if (!found?.quorum) return { ok: false, detail: "no ranking was relayed in time" };
    const { quorum, block, receipt, id } = found;
    return {
      ok: quorum.votes >= 2 && quorum.votes >= quorum.needed && receipt.accepted_at_block >= block,
      detail:
        `ranking of block ${block}: ${quorum.votes} signatures (${quorum.needed} needed), taken at finalized block ` +
        `${receipt.accepted_at_block}, lag ${receipt.accepted_at_block - block} blocks`,
      examples: [`receipt ${receipt.gateway_seq} for ${id.slice(0, 16)}, signed by gateway ${receipt.gateway_hotkey}`],
    };
  }

  /** Balances on the payment chain moved by the price, once for each ranking, and nothing else moved. */
  async #payment(): Promise<StepResult> {
    const { payments } = this.#up().ready;
    if (!payments || !this.#money) return { ok: !this.#options.payments, detail: "payments: not run" };
    const { price } = payments;
    // A round that is being paid for has moved money and has no receipt yet: asked again until both are there.
    const even = await until(PAID_MS, async () => {
      const { length: rankings } = await this.#reader().rankings();
      const after = await this.#balances();
      return after.payTo - this.#before.payTo === rankings * price ? { after, rankings } : undefined;
    });
    const { after = await this.#balances(), rankings = 0 } = even ?? {};
    const paid = this.#ranking?.payment;
    return {
      ok:
        paid?.settled === true &&
        Number(paid.amount) === price &&
        rankings > 0 &&
        this.#before.payers - after.payers === rankings * price,
      detail:
        `${dollars(price)} by ${paid?.payer ?? "nobody"}; ${rankings} paid rankings so far: payers ` +
        `${dollars(this.#before.payers)} → ${dollars(after.payers)}, gateway ${dollars(this.#before.payTo)} → ` +
        dollars(after.payTo),
      examples: [`transaction ${paid?.transaction ?? "none"}`],
    };
  }

  /** What a consumer such as SageBot does: reads by stream, by pull and by MCP, believes nothing unchecked, and compares. */
  async #sagebot(): Promise<StepResult> {
    const items = await this.#running().intelligence();
    const { streamed, pulled, chained } = await this.#reader().bothWays();
    const id = this.#ranking?.id;
    const consumer = await this.#runConsumer();
    return {
      ok:
        items.some((item) => item.id === id && item.votes >= 2) &&
        streamed === id &&
        pulled[0] === id &&
        chained > 0 &&
        (consumer === undefined || consumer.includes(id ?? "-")),
      detail:
        `the tool shows ${items.length} verified rankings; stream, pull and MCP tell the same, ` +
        `${chained} receipts are one chain`,
      examples: (consumer ?? "")
        .split("\n")
        .filter((line) => line.trim() !== "")
        .slice(0, 6)
        .map((line) => line.slice(0, 110)),
    };
  }

  /** What the caller's own consumer printed. */
  async #runConsumer(): Promise<string | undefined> {
    const { consumer, home } = this.#options;
    if (consumer === undefined) return undefined;
    const { stdout } = await promisify(execFile)(process.execPath, [consumer, "--home", home], { timeout: ROUND_MS });
    return stdout;
  }

  async #stop(): Promise<StepResult> {
    const pids = this.#up().ready.processes.map(({ pid }) => pid);
    await this[Symbol.asyncDispose]();
    const left = pids.filter(isAlive);
    return { ok: left.length === 0, detail: `everything stopped, ${left.length} processes left` };
  }

  async #balances(): Promise<{ readonly payers: number; readonly payTo: number }> {
    const { payments, processes } = this.#up().ready;
    if (!payments || !this.#money) return { payers: 0, payTo: 0 };
    const payers = processes.flatMap(({ payer }) => payer ?? []);
    // A payment between the two reads would show up in one of them alone: read until nothing moved.
    for (;;) {
      const payTo = await this.#money.balance(payments.payTo);
      const total = await this.#money.total(payers);
      if (payTo === (await this.#money.balance(payments.payTo))) return { payers: total, payTo };
    }
  }

  #reader(): DemoReader {
    return new DemoReader(this.#up().ready, this.#options.home);
  }

  #running(): DemoAgent {
    if (!this.#agent) throw new Error("the agent has not started");
    return this.#agent;
  }

  #up(): DemoSubnet {
    if (!this.#subnet) throw new Error("the subnet has not started");
    return this.#subnet;
  }
}

function dollars(micro: number): string {
  return `$${(micro / 1_000_000).toFixed(6)}`;
}

/** Weights as shares of the whole. */
function describeWeights(row: ReadonlyMap<number, number>): string {
  const sum = [...row.values()].reduce((total, weight) => total + weight, 0);
  return [...row].map(([uid, weight]) => `uid ${uid} ${((100 * weight) / sum).toFixed(1)} %`).join(", ");
}

/** Asks until there is an answer; undefined when there is none in time. */
async function until<T>(ms: number, ask: () => Promise<T | undefined>): Promise<T | undefined> {
  for (const end = Date.now() + ms; Date.now() < end; await setTimeout(250)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
