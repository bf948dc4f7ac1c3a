import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hotkey } from "../../src/crypto/ss58.ts";
import { SubtensorChain, type SubtensorChainOptions } from "../../src/node/chain/subtensor/subtensor-chain.ts";
import { signerOf, someHotkey } from "../compliance/chain-client.ts";
import { applySubtensorCall, NETUID } from "./subtensor-calls.ts";
import { SubtensorLedger } from "./subtensor-ledger.ts";
import { type SubtensorStub, startSubtensorStub } from "./subtensor-stub.ts";

type LedgerOptions = Parameters<typeof SubtensorLedger.create>[0];

/** A chain, some nodes of it, and a client of them all. */
export class SubtensorKit implements AsyncDisposable {
  readonly ledger: SubtensorLedger;
  readonly nodes: readonly SubtensorStub[];
  readonly folder: string;
  readonly #clients: SubtensorChain[] = [];

  private constructor(ledger: SubtensorLedger, nodes: readonly SubtensorStub[], folder: string) {
    [this.ledger, this.nodes, this.folder] = [ledger, nodes, folder];
  }

  static async start({
    nodes = 1,
    ...options
  }: LedgerOptions & { readonly nodes?: number } = {}): Promise<SubtensorKit> {
    const ledger = await SubtensorLedger.create(options);
    ledger.produce(10);
    const folder = await mkdtemp(join(tmpdir(), "engram-subtensor-"));
    const stubs = await Promise.all(Array.from({ length: nodes }, () => startSubtensorStub(ledger)));
    return new SubtensorKit(ledger, stubs, folder);
  }

  connect(options: Partial<SubtensorChainOptions> = {}): SubtensorChain {
    const network = { urls: this.nodes.map(({ url }) => url) };
    const client = new SubtensorChain({
      ...{ network, netuid: NETUID, folder: this.folder, signerOf, maxRegistrationTao: 2, deadlineMs: 2_000 },
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** A hotkey that is registered, with a permit where it has stake. */
  neuron(tao = 0): { readonly hotkey: Hotkey; readonly coldkey: Hotkey; readonly uid: number } {
    const [hotkey, coldkey] = [someHotkey(), someHotkey()];
    const call = { section: "subtensorModule", method: "burnedRegister", args: [NETUID, hotkey] };
    applySubtensorCall(this.ledger, { ...call, args: call.args.map((arg) => ({ toJSON: () => arg })) }, coldkey);
    if (tao > 0) this.ledger.stake(hotkey, tao);
    return { hotkey, coldkey, uid: this.ledger.get("subtensorModule.uids", [NETUID, hotkey]) };
  }

  /** The calls that were taken, by name and with their arguments. */
  written(): readonly { readonly name: string; readonly args: Record<string, unknown> }[] {
    return this.ledger.taken.map((hex) => {
      const { method } = this.ledger.decode(hex);
      const json = method.toJSON() as { readonly args: Record<string, unknown> };
      return { name: `${method.section}.${method.method}`, args: json.args };
    });
  }

  /** The file of a hotkey's hash commits. */
  journalText(hotkey: Hotkey): string {
    return readFileSync(this.#journalPath(hotkey), "utf8");
  }

  spoilJournal(hotkey: Hotkey): void {
    writeFileSync(this.#journalPath(hotkey), "{");
  }

  #journalPath(hotkey: Hotkey): string {
    return join(this.folder, `weight-commits-${hotkey}.json`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
