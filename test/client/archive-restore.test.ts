import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openWallet } from "../../src/node/chain/wallet.ts";
import { walletFolder } from "../../src/node/client/open-client.ts";
import { restore } from "../../src/node/client/replication/restore.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { ArweaveGateway } from "../support/arweave-gateway.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

const keyFile = new URL("../support/arweave-test-key.json", import.meta.url).pathname;

test("a new machine opens an archived file with the phrase: its key came back inside the envelope", async () => {
  const bench = await ClientBench.make();
  onTestFinished(() => bench[Symbol.asyncDispose]());
  await using gateway = await ArweaveGateway.start();
  await using miners = await TcpMiners.start(3);
  const archive = { gateway: gateway.url, dailyWinston: 1_000_000 };
  const open = (home: string, more: object = {}) =>
    openEngram({
      home,
      log: quiet,
      embedder: new TestEmbedder(),
      miners: miners.list,
      archive: { ...archive, ...more },
    });
  const file = join(bench.home, "..", "will.txt");
  await writeFile(file, "The house goes to Ada, the boat to Bo.");
  let id = "";
  {
    await using client = open(bench.home, { key: new Secret(keyFile) });
    const plan = await client.archives?.plan({ source: file });
    id = plan ? ((await client.archives?.store(plan))?.id ?? "") : "";
    await client.settle();
    gateway.mine(10);
    expect((await client.status()).journal.pushes).toBe(0);
  }
  const { phrase } = await openWallet(walletFolder(bench.home));
  if (!phrase) throw new Error("no phrase");
  const home = join(bench.home, "..", "new-machine");
  await restore({ home, phrase, miners: miners.list, embedder: new TestEmbedder() });
  await using client = open(home);
  const back = await client.archives?.retrieve(id);
  expect(back?.from).toBe("archive");
  expect(Buffer.from(back?.bytes ?? []).equals(await readFile(file))).toBe(true);
  expect(JSON.stringify((await client.get([id])).items)).not.toContain("archive_key");
});
