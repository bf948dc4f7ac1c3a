import { cpus, totalmem } from "node:os";

/** One measured figure beside what it is compared with, both taken in this run. */
export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly baseline: { readonly name: string; readonly value: number };
  /** value / baseline, whichever direction is better. */
  readonly ratio: number;
}

export interface Report {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGb: number; readonly node: string };
  readonly results: readonly Result[];
}

export function result(name: string, unit: string, value: number, baseline: Result["baseline"]): Result {
  const round = (number: number) => Number(number.toPrecision(4));
  return {
    name,
    unit,
    value: round(value),
    baseline: { name: baseline.name, value: round(baseline.value) },
    ratio: round(value / baseline.value),
  };
}

export function report(results: readonly Result[]): Report {
  const [first, ...rest] = cpus();
  return {
    machine: {
      cpu: first?.model ?? "unknown",
      cores: rest.length + 1,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      node: process.versions.node,
    },
    results,
  };
}

/** The value below which `share` (0..1) of the samples lie. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
