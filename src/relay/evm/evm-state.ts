import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createTestClient, type Hex, http, publicActions } from "viem";
import { replaceFile } from "../../node/runtime/replace-file.ts";

const STATE_FILE = /^state-(\d+)\.bin$/;
const DUMP_MS = 10_000;

/**
 * Keeps a local chain's state in files, so that no acknowledged payment is undone by killing anvil, which holds
 * everything in memory. A file is named by a block it holds at least; so of several writers, also in several
 * processes, none can replace a later state by an earlier one.
 */
export class EvmState {
  readonly #folder: string;
  readonly #url: string;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(options: { readonly url: string; readonly folder: string }) {
    this.#url = options.url;
    this.#folder = options.folder;
  }

  /** Resolves when everything the chain had done before the call is on disk. */
  save(): Promise<void> {
    if (!this.#running) return this.#run();
    // A save that already runs may have read the state too early; the one behind it has not begun.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#run();
      });
    return this.#next;
  }

  #run(): Promise<void> {
    const running = this.#write().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #write(): Promise<void> {
    const client = testClient(this.#url);
    const block = Number(await client.getBlockNumber({ cacheTime: 0 }));
    const state = Buffer.from((await client.dumpState()).slice(2), "hex");
    await replaceFile(join(this.#folder, `state-${block}.bin`), state);
    for (const older of await savedBlocks(this.#folder)) {
      if (older < block) await rm(join(this.#folder, `state-${older}.bin`), { force: true });
    }
  }

  /** Loads the latest saved state into a fresh chain; `false` when nothing was saved. */
  async restore(): Promise<boolean> {
    const latest = (await savedBlocks(this.#folder)).at(-1);
    if (latest === undefined) return false;
    const state = await readFile(join(this.#folder, `state-${latest}.bin`));
    const hex: Hex = `0x${state.toString("hex")}`;
    await testClient(this.#url).loadState({ state: hex });
    return true;
  }
}

async function savedBlocks(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .flatMap((name) => STATE_FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function testClient(url: string) {
  const transport = http(url, { timeout: DUMP_MS, retryCount: 0 });
  return createTestClient({ mode: "anvil", transport }).extend(publicActions);
}
