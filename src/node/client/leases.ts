import { randomUUID } from "node:crypto";
import type { Clock } from "../runtime/clock.ts";
import type { LeaseRequest } from "./store/lease-operations.ts";

const RENEW_MS = 5_000;

/** A store with `leaseOperations`. */
export interface LeaseStore {
  call(operation: "acquireLease" | "renewLease" | "releaseLease", input: LeaseRequest): Promise<unknown>;
}

/** What leased work asks before each effect outside the database. */
export interface Lease {
  /** Aborted when the lease was lost or the client stops. */
  readonly signal: AbortSignal;
  /** Renews; throws the signal's reason when another process holds the lease now. */
  check(): Promise<void>;
}

/** Runs background work in one process at a time (design: background work). */
export class Leases {
  readonly #store: LeaseStore;
  readonly #clock: Clock;

  constructor(deps: { readonly store: LeaseStore; readonly clock: Clock }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
  }

  /** False when another process holds the lease: nothing ran. Otherwise the errors are those of `work`. */
  async run(task: string, signal: AbortSignal, work: (lease: Lease) => Promise<void>): Promise<boolean> {
    // One per run: two runs of the same process exclude each other too.
    const holder = randomUUID();
    const request = () => ({ task, holder, now: this.#clock.now() });
    if ((await this.#store.call("acquireLease", request())) !== true) return false;
    const lost = new AbortController();
    const over = new AbortController();
    const lease: Lease = {
      signal: AbortSignal.any([signal, lost.signal]),
      check: async () => {
        if ((await this.#store.call("renewLease", request())) !== true)
          lost.abort(new Error(`lost the lease of ${task}`));
        lease.signal.throwIfAborted();
      },
    };
    const renewing = this.#renew(lease, AbortSignal.any([over.signal, lease.signal]));
    try {
      await work(lease);
      return true;
    } finally {
      over.abort();
      await renewing;
      await this.#store.call("releaseLease", request());
    }
  }

  async #renew(lease: Lease, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      try {
        await this.#clock.sleep(RENEW_MS, until);
        await lease.check();
      } catch {
        // Over, lost or stopping: the work sees it in its own signal. A busy disk: the next turn renews, and the work
        // asks by itself before each effect.
      }
    }
  }
}
