import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../../src/node/runtime/secret.ts";
import { ArweaveGateway } from "../support/arweave-gateway.ts";
import { ClientBench, StandingClock } from "../support/client-bench.ts";

const launcher = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));
const keyFile = fileURLToPath(new URL("../support/arweave-test-key.json", import.meta.url));

test("a process that is killed while its upload is under way loses no memory and pays once", async () => {
  const bench = await ClientBench.make();
  onTestFinished(() => bench[Symbol.asyncDispose]());
  await using gateway = await ArweaveGateway.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  gateway.faults.hold = promise;
  const file = join(bench.home, "..", "logbook.txt");
  await writeFile(file, "At four bells the wind went round to the north.");
  const { PATH = "", HOME = "" } = process.env;
  const env = { PATH, HOME, ENGRAM_HOME: bench.home, ARWEAVE_KEY: keyFile, ARWEAVE_GATEWAY_URL: gateway.url };
  const child = spawn(process.execPath, [launcher, "archive", file, "--json"], {
    env: { ...env, ENGRAM_ARWEAVE_MAX_WINSTON: "1000000" },
    stdio: "ignore",
  });
  const exited = once(child, "exit");
  await gateway.asked("POST /tx");
  child.kill("SIGKILL");
  await exited;
  resolve();

  // Late enough that the killed process's lease and its next attempt are over.
  const clock = new StandingClock(Date.now() + 3_600_000);
  const archive = { gateway: gateway.url, key: new Secret(keyFile), dailyWinston: 1_000_000 };
  const client = bench.open({ clock, archive });
  const { items } = await client.list({});
  expect(items).toMatchObject([{ text: expect.stringContaining("four bells") }]);
  const transactionId = items[0]?.metadata["arweave_tx_id"];
  await client.archives?.settle();
  gateway.mine(10);
  clock.advance(120_000);
  await client.archives?.settle();
  expect(await client.archives?.reports()).toMatchObject([{ state: "confirmed", transactionId }]);
  expect(gateway.paid).toEqual([transactionId]);
}, 60_000);
