import type { Clock } from "../../src/node/runtime/clock.ts";

/** Time that moves when a test says so, and by as much as somebody sleeps. */
export class TestClock implements Clock {
  time: number;
  readonly slept: number[] = [];

  constructor(time = 1_790_000_000_000) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.time += ms;
  }
}
