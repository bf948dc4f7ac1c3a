import { expect, test } from "vitest";
import type { RunningService, Service } from "../../../src/relay/local-subnet/service.ts";
import { type ProcessEvent, Supervised } from "../../../src/relay/local-subnet/supervised.ts";
import { TestClock } from "../../support/test-clock.ts";

/** A process whose end the test decides. */
class Scripted implements Service {
  readonly name: string;
  started = 0;
  #end: () => void = () => undefined;
  #news = Promise.withResolvers<void>();

  constructor(name: string) {
    this.name = name;
  }

  async start(): Promise<RunningService> {
    this.started++;
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    this.#end = resolve;
    this.#news.resolve();
    this.#news = Promise.withResolvers();
    return { pid: this.started, url: "http://127.0.0.1:1", hotkey: null, ended, stop: async () => resolve() };
  }

  /** Ends it and waits until it was started again, and that was seen. */
  async dies(): Promise<void> {
    const again = this.#news.promise;
    this.#end();
    await again;
    await new Promise((resolve) => setImmediate(resolve));
  }

  end(): void {
    this.#end();
  }
}

function supervise(service: Service, clock: TestClock, options: { restart?: boolean; needs?: Supervised[] } = {}) {
  const events: ProcessEvent[] = [];
  const onEvent = (event: ProcessEvent) => void events.push(event);
  const { restart = true, needs = [] } = options;
  return { events, supervised: new Supervised({ service, restart, needs, clock, onEvent }) };
}

const { signal } = new AbortController();

test("what ends is started again after 1 s doubling to 30 s, and after 1 s again once it ran for a minute", async () => {
  const [service, clock] = [new Scripted("miner-1"), new TestClock()];
  const { supervised, events } = supervise(service, clock);
  await supervised.start(signal);
  for (let death = 0; death < 7; death++) await service.dies();
  expect(clock.slept).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  clock.time += 60_000;
  await service.dies();
  expect(clock.slept.at(-1)).toBe(1_000);
  expect(events.slice(0, 4).map(({ state }) => state)).toEqual(["started", "ended", "restarting", "started"]);
  await supervised[Symbol.asyncDispose]();
  expect(supervised.running).toBeNull();
  expect(service.started).toBe(9);
});

test("without restarting, what ends stays away", async () => {
  const [service, clock] = [new Scripted("miner-1"), new TestClock()];
  const { supervised } = supervise(service, clock, { restart: false });
  const running = await supervised.start(signal);
  service.end();
  await running.ended;
  await supervised[Symbol.asyncDispose]();
  expect([service.started, clock.slept]).toEqual([1, []]);
});

test("who needs the chain waits for it to come back", async () => {
  const clock = new TestClock();
  const [chain, miner] = [new Scripted("chain"), new Scripted("miner-1")];
  const first = supervise(chain, clock, { restart: false }).supervised;
  const second = supervise(miner, clock, { needs: [first] }).supervised;
  await first.start(signal);
  await second.start(signal);
  await miner.dies();
  expect(miner.started).toBe(2);
  chain.end();
  miner.end();
  await second[Symbol.asyncDispose]();
  expect(miner.started).toBe(2);
});
