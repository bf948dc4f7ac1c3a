import { LocalEvm } from "../evm/local-evm.ts";
import { ANVIL } from "./plan.ts";
import type { RunningService, Service } from "./service.ts";

/** The local payment chain: always on the same port, from the state it saved. */
export class AnvilService implements Service {
  readonly name = ANVIL;
  readonly #options: { readonly folder: string; readonly port: number };
  #evm: LocalEvm | undefined;

  constructor(options: { readonly folder: string; readonly port: number }) {
    this.#options = options;
  }

  /** The chain that runs now, or ran last. */
  get evm(): LocalEvm | undefined {
    return this.#evm;
  }

  async start(signal: AbortSignal): Promise<RunningService> {
    signal.throwIfAborted();
    const evm = await LocalEvm.start(this.#options);
    this.#evm = evm;
    const { pid, url, ended } = evm;
    return { pid, url, hotkey: null, ended, stop: async () => await evm[Symbol.asyncDispose]() };
  }
}
