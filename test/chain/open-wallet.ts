import { openWallet } from "../../src/node/chain/wallet.ts";

// A process of the race test: waits until told, then opens the wallet and prints whose it is.
process.stdout.write("ready\n");
process.stdin.once("data", async () => {
  const wallet = await openWallet(process.argv[2] ?? "");
  process.stdout.write(`${wallet.hotkey}\n`);
  process.exit(0);
});
