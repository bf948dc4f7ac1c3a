import { setTimeout as delay } from "node:timers/promises";
import { quantile } from "./report.ts";

const PAUSE_MS = 10;

/**
 * What `work` came to, and the 99th percentile in ms of a request that needs no work at all, asked all the while over a
 * connection of its own: what it waits for is the turn of the server's event loop.
 */
export async function probedWhile<T>(
  url: string,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly p99: number }> {
  const samples: number[] = [];
  const done = new AbortController();
  const probe = async () => {
    while (!done.signal.aborted) {
      const began = performance.now();
      await (await fetch(`${url}/health`)).arrayBuffer();
      samples.push(performance.now() - began);
      await delay(PAUSE_MS);
    }
  };
  const probing = probe();
  try {
    return { value: await work(), p99: quantile(samples, 0.99) };
  } finally {
    done.abort();
    await probing;
  }
}
