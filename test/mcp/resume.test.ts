import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EngramError } from "../../src/crypto/errors.ts";
import { PerCaller } from "../../src/mcp/caller.ts";
import { Relaying } from "../../src/mcp/relaying.ts";
import { resumeWork } from "../../src/mcp/resume.ts";
import type { ServerDeps } from "../../src/mcp/server-options.ts";
import { FakeMemoryClient } from "../support/fake-memory-client.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Starts a server's resuming on a home, lets ten quiet seconds pass, and says how often its memories were opened. */
async function openedAfterQuiet(holdsMemories: boolean, stopFirst = false): Promise<number> {
  let opened = 0;
  const openClient = async () => {
    opened += 1;
    return new FakeMemoryClient();
  };
  await using clients = new PerCaller(openClient);
  const log = { error: () => undefined, debug: () => undefined };
  const deps: ServerDeps = { openClient, log, now: () => 0, holdsMemories: async () => holdsMemories };
  await using relaying = new Relaying();
  using resuming = resumeWork(clients, relaying, deps);
  if (stopFirst) resuming[Symbol.dispose]();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(opened).toBe(0);
  await vi.advanceTimersByTimeAsync(9_000);
  return opened;
}

test("a home that holds memories is opened after a quiet moment, without any call", async () => {
  expect(await openedAfterQuiet(true)).toBe(1);
});

test("a home without memories stays untouched, and so does one whose server stopped", async () => {
  expect(await openedAfterQuiet(false)).toBe(0);
  expect(await openedAfterQuiet(true, true)).toBe(0);
});

test("whoever's outbox holds something undelivered is served again, one that fails stops no other", async () => {
  const asked: string[] = [];
  const told: object[] = [];
  const log = { error: (fields: object) => void told.push(fields), debug: () => undefined };
  const openClient = async () => new FakeMemoryClient();
  const deps: ServerDeps = { openClient, log, now: () => 0, holdsMemories: async () => false };
  await using clients = new PerCaller(openClient);
  await using relaying = new Relaying({
    desk: async (caller) => {
      asked.push(caller.kind === "principal" ? caller.name : caller.kind);
      throw new EngramError("GATEWAY_NOT_CONFIGURED", "none");
    },
    books: async () => undefined,
    feed: async () => {
      throw new Error("nobody reads");
    },
    owing: async () => [{ kind: "home" }, { kind: "principal", name: "ana" }],
  });
  using _resuming = resumeWork(clients, relaying, deps);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(6_000);
  expect(asked).toEqual(["home", "ana"]);
  expect(told).toEqual([{ error: "GATEWAY_NOT_CONFIGURED" }]);
});
