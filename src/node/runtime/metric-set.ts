import { Counter, Gauge, Histogram, Registry } from "prom-client";

type Reading = number | null;

/** What one part of a process counts, times and reads, for Prometheus; `join` shows several on one page. */
export class MetricSet {
  readonly registry = new Registry();
  readonly #joined: MetricSet[] = [];

  get contentType(): string {
    return this.registry.contentType;
  }

  /** Shows `others` with these. No two may have a metric of one name. */
  join(...others: readonly MetricSet[]): void {
    this.#joined.push(...others);
  }

  /** The exposition text of all that is joined. */
  async text(): Promise<string> {
    return await Registry.merge(this.#registries()).metrics();
  }

  #registries(): Registry[] {
    return [this.registry, ...this.#joined.flatMap((set) => set.#registries())];
  }

  /** `known` values of a single label begin at 0: what was never there cannot be seen to increase. */
  counter<T extends string>(name: string, help: string, labelNames: readonly T[] = [], known: readonly string[] = []) {
    const counter = new Counter<T>({ name, help, labelNames, registers: [this.registry] });
    const [label] = labelNames;
    if (label !== undefined) for (const value of known) counter.labels(value).inc(0);
    return counter;
  }

  gauge<T extends string>(name: string, help: string, labelNames: readonly T[] = []) {
    return new Gauge<T>({ name, help, labelNames, registers: [this.registry] });
  }

  /** `buckets` in the unit that the name ends with. */
  histogram<T extends string>(name: string, help: string, buckets: number[], labelNames: readonly T[] = []) {
    return new Histogram<T>({ name, help, buckets, labelNames, registers: [this.registry] });
  }

  /** A gauge that is read when it is scraped. What is not known, or cannot be read, has no sample rather than a false one. */
  reading(name: string, help: string, read: () => Promise<Reading> | Reading): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: async function () {
        const value = await attempt(read);
        if (value === null) this.remove();
        else this.set(value);
      },
    });
  }

  /** As `reading`, with one sample for each value of `label`. */
  readings<T extends string>(
    name: string,
    help: string,
    label: T,
    read: () => Promise<Readonly<Record<string, number>> | null>,
  ): void {
    new Gauge<T>({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: async function () {
        const values = await attempt(read);
        this.reset();
        for (const [value, number] of Object.entries(values ?? {})) this.labels(value).set(number);
      },
    });
  }
}

/** One reading for all that ask while it is made: several metrics of one scrape. */
export function together<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= read().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** One part that cannot be read must not take the others off the page: that would look like a dead process. */
async function attempt<T>(read: () => Promise<T | null> | T | null): Promise<T | null> {
  try {
    return await read();
  } catch {
    return null;
  }
}
