import { once } from "node:events";
import { readFile, stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generatePhrase } from "../../src/crypto/phrase.ts";
import { readKeyFile, writeKeyFile } from "../../src/node/chain/wallet-file.ts";
import { NETUID } from "../support/subtensor-calls.ts";
import { SubtensorKit } from "../support/subtensor-kit.ts";
import { engram, errorOf, temporaryFolder } from "./engram.ts";

interface Registered {
  readonly chain: string;
  readonly hotkey: string;
  readonly uid: number;
  readonly new: boolean;
}

test("a service's key is made or taken over, shown, and registered once on a simulated chain", async () => {
  const home = join(await temporaryFolder(), "home");
  const local = { ENGRAM_CHAIN: "local" };
  const nowhere = await engram(home, ["register", "--json"]);
  expect([nowhere.code, errorOf(nowhere).code]).toEqual([2, "CONFIG_INVALID"]);
  const folder = join(home, "validator", "identity");
  const phrase = await generatePhrase();
  const file = join(await temporaryFolder(), "hotkey");
  await writeFile(file, await writeKeyFile(phrase));
  const imported = await engram(home, ["wallet", "import", "--hotkey-file", file, "--folder", folder, "--json"]);
  const { hotkey } = JSON.parse(imported.stdout) as Registered;
  expect((await stat(join(folder, "hotkey"))).mode & 0o777).toBe(0o600);
  const again = await engram(home, ["wallet", "new", "--folder", folder, "--json"]);
  expect([again.code, errorOf(again).code]).toEqual([3, "WALLET_EXISTS"]);
  const first = await engram(home, ["register", "--role", "validator", "--json"], "", local);
  expect(JSON.parse(first.stdout)).toMatchObject({ hotkey, uid: 0, new: true });
  const second = await engram(home, ["wallet", "register", "--role", "validator", "--json"], "", local);
  expect(JSON.parse(second.stdout)).toMatchObject({ hotkey, uid: 0, new: false });
  const shown = await engram(home, ["wallet", "show", "--folder", folder]);
  const table = await engram(home, ["metagraph"], "", local);
  expect(table.stdout).toMatch(/^chain local:[^\n]+\nblock \d+ 0x[0-9a-f]{64}\n\n(uid +hotkey +stake|no neurons)/);
  expect(shown.stdout).toContain(hotkey);
  for (const { stdout, stderr } of [imported, again, first, second, shown]) {
    expect(stdout + stderr).not.toContain(phrase);
  }
});

test("on a real chain a coldkey pays, up to the price allowed; without one the way to it is told", async () => {
  await using kit = await SubtensorKit.start();
  const home = join(await temporaryFolder(), "home");
  const known = kit.neuron(5);
  const chain = { ENGRAM_CHAIN: `${kit.nodes[0]?.url}#netuid=${NETUID}` };
  kit.ledger.set("subtensorModule.burn", [NETUID], 500_000_000n);
  const coldkeyFile = join(await temporaryFolder(), "coldkey");
  await writeFile(coldkeyFile, await writeKeyFile(await generatePhrase()));
  const { hotkey: coldkey } = await readKeyFile(await readFile(coldkeyFile, "utf8"));

  const unpaid = await engram(home, ["register", "--json"], "", chain);
  expect([unpaid.code, errorOf(unpaid)]).toEqual([
    3,
    expect.objectContaining({
      code: "COLDKEY_NEEDED",
      fix: expect.stringContaining(`btcli subnet register --netuid ${NETUID}`),
    }),
  ]);
  expect(kit.ledger.taken).toHaveLength(0);
  const paid = await engram(home, ["register", "--coldkey", coldkeyFile, "--max-tao", "0.5", "--json"], "", chain);
  const { hotkey, uid } = JSON.parse(paid.stdout) as Registered;
  expect(kit.written()).toEqual([{ name: "subtensorModule.burnedRegister", args: { netuid: NETUID, hotkey } }]);
  expect(kit.ledger.decode(kit.ledger.taken[0] ?? "").signer.toString()).toBe(coldkey);

  kit.ledger.produce(10);
  const seen = JSON.parse((await engram(home, ["metagraph", "--json"], "", chain)).stdout) as {
    readonly block: number;
    readonly neurons: readonly Registered[];
  };
  expect(seen.neurons.find((one) => one.uid === known.uid)).toMatchObject({ hotkey: known.hotkey, stakeTao: 5 });
  expect(seen.neurons.find((one) => one.uid === uid)).toMatchObject({ hotkey });
  const ahead = await engram(home, ["metagraph", "--json", "--at", "99999999"], "", chain);
  expect(errorOf(ahead).code).toBe("CHAIN_BLOCK_UNKNOWN");
});

test("a chain that cannot be reached is said to be so, after as many tries as there are", async () => {
  const home = await temporaryFolder();
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, "close");
  for (const command of ["metagraph", "weights"]) {
    const outcome = await engram(home, [command, "--json"], "", { ENGRAM_CHAIN: `ws://127.0.0.1:${port}` });
    expect([outcome.code, outcome.stdout, errorOf(outcome).code]).toEqual([4, "", "CHAIN_UNREACHABLE"]);
  }
});
