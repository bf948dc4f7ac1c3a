import { LRUCache } from "lru-cache";
import { keptOrigin, keptTrace, type TraceOrigin } from "../../runtime/tracing.ts";

/** Memories whose push may still join the trace of the call that stored them. */
const MAX_KEPT = 2_000;

/** Which trace stored what is pushed later. In memory alone: a push that outlives the process begins a trace of its own. */
export class PushTraces {
  readonly #traces = new LRUCache<string, string>({ max: MAX_KEPT });

  /** Within the call that stored them. */
  note(ids: readonly string[]): void {
    const trace = keptTrace();
    if (trace === null) return;
    for (const id of ids) this.#traces.set(id, trace);
  }

  of(id: string): TraceOrigin | undefined {
    return keptOrigin(this.#traces.get(id));
  }
}
