import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lockFile } from "../../../src/node/runtime/sqlite-lock.ts";
import { choosePorts, waitForPorts } from "../../../src/relay/local-subnet/ports.ts";
import { temporaryFolder } from "../../cli/engram.ts";
import { TestClock } from "../../support/test-clock.ts";

test("ports stay the same, new names get others, and a damaged file is refused", async () => {
  const path = join(await temporaryFolder(), "subnet", "ports.json");
  const first = await choosePorts(path, ["chain", "gateway"]);
  expect(await choosePorts(path, ["chain", "gateway"])).toEqual(first);
  const more = await choosePorts(path, ["chain", "miner-1"]);
  expect(more).toMatchObject(first);
  expect(new Set(Object.values(more)).size).toBe(3);
  await writeFile(path, "{");
  await expect(choosePorts(path, ["chain"])).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("a port that another program keeps is an error that names it; a free one is none", async () => {
  const path = join(await temporaryFolder(), "ports.json");
  const ports = await choosePorts(path, ["gateway"]);
  const { signal } = new AbortController();
  const clock = new TestClock();
  await waitForPorts(path, ports, clock, signal);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(ports["gateway"], "127.0.0.1", resolve));
  const waiting = { now: () => (clock.time += 1_000), sleep: () => Promise.resolve() };
  await expect(waitForPorts(path, ports, waiting, signal)).rejects.toMatchObject({ code: "PORT_TAKEN" });
  await new Promise((resolve) => other.close(resolve));
});

test("a lock is held once, and free again when it is given back", async () => {
  const path = join(await temporaryFolder(), "subnet", "lock");
  const held = lockFile(path);
  expect(held).not.toBeNull();
  expect(lockFile(path)).toBeNull();
  held?.[Symbol.dispose]();
  using again = lockFile(path);
  expect(again).not.toBeNull();
});
