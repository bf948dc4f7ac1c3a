import { Command } from "commander";
import { isHotkey } from "../../crypto/ss58.ts";
import { usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, run } from "./kit.ts";
import { print } from "./output.ts";

/** `engram miners`: what is remembered of the miners that hold copies. */
export function minersCommand(): Command {
  return new Command("miners").description("what is remembered of the miners that hold copies").addCommand(
    dataCommand("forget", "forget what a miner promised: its next signed statement counts as the first")
      .argument("<hotkey>")
      .action((hotkey: string, options: CommonOptions) => run(options, () => forget(hotkey, options))),
  );
}

async function forget(hotkey: string, options: CommonOptions): Promise<void> {
  if (!isHotkey(hotkey)) throw usageError("this is not a hotkey", 'Copy it from "engram status".');
  const [{ forgetMiner }, { keyValues }, { memoryStore }, { homeOf }] = await Promise.all([
    import("../client/replication/miner-directory.ts"),
    import("../client/replication/open-replication.ts"),
    import("../client/store/memory-store.ts"),
    import("./open-client.ts"),
  ]);
  await using store = memoryStore(await homeOf(options.home));
  await forgetMiner(keyValues(store), hotkey);
  await print(options.json === true, { forgotten: hotkey }, () => `forgot what ${hotkey} promised`);
}
