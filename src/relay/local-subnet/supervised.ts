import type { Clock } from "../../node/runtime/clock.ts";
import type { RunningService, Service } from "./service.ts";

export type ProcessState = "started" | "ended" | "restarting";

/** What happened to a process of the subnet. `pid` is null while there is none. */
export interface ProcessEvent {
  readonly name: string;
  readonly state: ProcessState;
  readonly pid: number | null;
}

export interface SupervisedOptions<S extends Service> {
  readonly service: S;
  /** Whether it is started again when it ends. */
  readonly restart: boolean;
  /** Without these it cannot start: while one of them is away, starting it again waits. */
  readonly needs: readonly Supervised[];
  readonly clock: Clock;
  readonly onEvent: (event: ProcessEvent) => void;
}

const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;
/** Who ran so long counts as healthy: the next end is a first one again. */
const HEALTHY_MS = 60_000;

/** Keeps one process of the subnet running. */
export class Supervised<S extends Service = Service> implements AsyncDisposable {
  readonly service: S;
  readonly #options: SupervisedOptions<S>;
  readonly #stopping = new AbortController();
  #running: RunningService | null = null;
  #serves = Promise.withResolvers<void>();
  #state: ProcessState | "stopped" = "stopped";
  #keeping: Promise<void> | undefined;

  constructor(options: SupervisedOptions<S>) {
    this.#options = options;
    this.service = options.service;
  }

  get name(): string {
    return this.service.name;
  }

  /** Null while it is not running. */
  get running(): RunningService | null {
    return this.#running;
  }

  get state(): ProcessState | "stopped" {
    return this.#state;
  }

  /** Resolves once it runs, at once while it does. */
  get serves(): Promise<void> {
    return this.#serves.promise;
  }

  get #stopped(): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  /** Resolves when it serves for the first time; from then on it is kept running. Errors: those of the service. */
  async start(signal: AbortSignal): Promise<RunningService> {
    const running = await this.service.start(AbortSignal.any([signal, this.#stopping.signal]));
    this.#became(running);
    this.#keeping = this.#keep(running);
    return running;
  }

  async #keep(first: RunningService): Promise<void> {
    const { clock, restart, needs } = this.#options;
    let running: RunningService | null = first;
    let wait = FIRST_WAIT_MS;
    for (;;) {
      if (running) {
        const started = clock.now();
        await running.ended;
        if (clock.now() - started >= HEALTHY_MS) wait = FIRST_WAIT_MS;
        this.#running = null;
        this.#serves = Promise.withResolvers();
        this.#tell("ended", null);
      }
      if (!restart || this.#stopping.signal.aborted) return;
      await clock.sleep(wait, this.#stopping.signal).catch(() => undefined);
      await Promise.race([Promise.all(needs.map((needed) => needed.serves)), this.#stopped]);
      if (this.#stopping.signal.aborted) return;
      wait = Math.min(wait * 2, MAX_WAIT_MS);
      this.#tell("restarting", null);
      // Why it did not start is in its log; it is tried again.
      running = await this.service.start(this.#stopping.signal).catch(() => null);
      if (running) this.#became(running);
    }
  }

  #became(running: RunningService): void {
    this.#running = running;
    this.#serves.resolve();
    this.#tell("started", running.pid);
  }

  #tell(state: ProcessState, pid: number | null): void {
    this.#state = state;
    this.#options.onEvent({ name: this.name, state, pid });
  }

  /** From now on it is not started again. */
  release(): void {
    this.#stopping.abort(new Error(`${this.name} stops`));
  }

  /** Stops it for good; resolves when no process is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.#running?.stop();
    await this.#keeping;
    // It may have begun to serve just then.
    await this.#running?.stop();
    this.#state = "stopped";
  }
}
