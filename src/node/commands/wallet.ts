import type { Command } from "commander";
import { Command as CommandGroup } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type { Wallet } from "../chain/wallet.ts";
import { Secret } from "../runtime/secret.ts";
import { EXIT, usageError } from "./exit-codes.ts";
import { askPassword } from "./key-password.ts";
import { type CommonOptions, dataCommand, run } from "./kit.ts";
import { columns, print, say } from "./output.ts";
import { registerCommand } from "./register.ts";
import { readStandardInput } from "./standard-input.ts";

const ABOUT = `
The wallet is one phrase of 12 words. Whoever has it reads all memories; without it, and without this machine, nobody
does. It is shown on a terminal alone, and typed or piped in, never given as an argument.`;

/** `engram wallet`: shows, backs up or imports the wallet that owns the memories. */
export function walletCommand(): Command {
  return new CommandGroup("wallet")
    .description("make, show, back up or import the wallet that owns your memories, or a service's key")
    .addHelpText("after", ABOUT)
    .addCommand(newCommand())
    .addCommand(showCommand())
    .addCommand(backupCommand())
    .addCommand(importCommand())
    .addCommand(registerCommand());
}

interface FolderOptions extends CommonOptions {
  readonly folder?: string;
}

const FOLDER = "a service's key folder, as in miner/identity of the data folder, in place of the memory wallet's";

function newCommand(): Command {
  return dataCommand("new", "make a wallet with a new phrase, where there is none")
    .option("--folder <folder>", FOLDER)
    .action((options: FolderOptions) =>
      run(options, async () => {
        const { createWallet } = await import("../chain/wallet.ts");
        const wallet = await createWallet(await folderOf(options));
        await print(options.json === true, publicFacts(wallet), describe);
      }),
    );
}

function showCommand(): Command {
  return dataCommand("show", "show the hotkey and whether its phrase was backed up")
    .option("--folder <folder>", FOLDER)
    .action((options: FolderOptions) =>
      run(options, async () => {
        const wallet = await shownWallet(options);
        await print(options.json === true, publicFacts(wallet), describe);
      }),
    );
}

/** Looking at a service's folder makes no key there. */
async function shownWallet(options: FolderOptions): Promise<Wallet> {
  if (options.folder === undefined) return (await openCommandWallet(options.home)).wallet;
  const { findWallet } = await import("../chain/wallet.ts");
  const wallet = await findWallet(options.folder);
  if (wallet) return wallet;
  throw new EngramError("NOT_FOUND", `there is no key in ${options.folder}`, {
    fix: 'Make one with "engram wallet new --folder", or name the folder that has "hotkey" in it.',
  });
}

async function folderOf({ folder, home }: FolderOptions): Promise<string> {
  if (folder !== undefined) return folder;
  return await (await import("./open-client.ts")).walletFolderOf(home);
}

function backupCommand(): Command {
  return dataCommand("backup", "show the phrase on this terminal, to be written down").action(
    (options: CommonOptions) =>
      run(options, async () => {
        if (!process.stdout.isTTY || !process.stdin.isTTY || options.json) {
          throw new EngramError("NEEDS_TERMINAL", "the phrase is shown on a terminal only", {
            fix: 'Run "engram wallet backup" in a terminal, without --json, a pipe or a redirection.',
          });
        }
        const { wallet, folder } = await openCommandWallet(options.home);
        if (wallet.phrase === undefined) {
          throw new EngramError("PHRASE_UNKNOWN", "this wallet was loaded from a key without a phrase", {
            fix: "Back up the hotkey file that it came from.",
          });
        }
        await showPhrase(wallet.phrase, folder);
      }),
  );
}

async function showPhrase(phrase: Secret<string>, folder: string): Promise<void> {
  const { confirm } = await import("@clack/prompts");
  say("Nobody but you should see this screen. Write the words down on paper, in order.\n");
  const words = phrase.reveal().split(" ");
  process.stdout.write(`${words.map((word, i) => `${String(i + 1).padStart(4)}  ${word}`).join("\n")}\n\n`);
  const written = await confirm({ message: "Did you write them down?", initialValue: false });
  if (written !== true) {
    say("The backup does not count as made yet.");
    process.exitCode = EXIT.refused;
    return;
  }
  const { markBackupMade } = await import("../chain/wallet.ts");
  await markBackupMade(folder);
  say('Backup made. "engram restore" brings your memories back from the phrase and the miners.');
}

interface ImportOptions extends FolderOptions {
  readonly hotkeyFile?: string;
  readonly passwordFile?: string;
}

const IMPORT_HELP = `
The phrase is asked for, or read from standard input. With --hotkey-file the key is btcli's, plain or encrypted ($NACL);
its password is asked for, or read from --password-file or btcli's own variable. It lies in the folder in plain form
(mode 0600), so that a service starts by itself.`;

function importCommand(): Command {
  return (
    dataCommand("import", "make the wallet of a phrase, or of btcli's hotkey file, this folder's wallet")
      .option("--hotkey-file <file>", "btcli's file, as in ~/.bittensor/wallets/NAME/hotkeys/HOTKEY")
      .option("--password-file <file>", "the file's password is the first line of this one")
      .option("--folder <folder>", FOLDER)
      .addHelpText("after", IMPORT_HELP)
      // Taken only to be refused in words of our own: the parser would print them back.
      .argument("[words...]")
      .usage("[options]")
      .action((words: string[], options: ImportOptions) =>
        run(options, async () => {
          if (words.length > 0) {
            const fix = "Run the command without it; other programs and the shell's history have seen it now.";
            throw usageError("a phrase is never given as an argument", fix);
          }
          await print(options.json === true, publicFacts(await imported(options)), describe);
        }),
      )
  );
}

async function imported(options: ImportOptions): Promise<Wallet> {
  const { importHotkeyFile, importPhrase } = await import("../chain/wallet.ts");
  const { hotkeyFile, passwordFile } = options;
  if (hotkeyFile === undefined) {
    const phrase = await askPhrase();
    return await importPhrase(await folderOf(options), phrase);
  }
  const [{ passwordSource }, { readEnvironment }] = await Promise.all([
    import("../chain/key-password.ts"),
    import("../runtime/config.ts"),
  ]);
  const password = passwordSource({ environment: readEnvironment(), passwordFile, prompt: askPassword });
  return await importHotkeyFile(await folderOf(options), hotkeyFile, password);
}

async function askPhrase(): Promise<Secret<string>> {
  if (!process.stdin.isTTY) return new Secret(await readStandardInput("the phrase"));
  const { password } = await import("@clack/prompts");
  const answer = await password({ message: "The phrase (it is not shown)", output: process.stderr });
  if (typeof answer === "string") return new Secret(answer);
  throw new EngramError("CONSENT_DECLINED", "nothing was imported", {
    fix: "Run the command again to import a phrase.",
  });
}

async function openCommandWallet(
  home: string | undefined,
): Promise<{ readonly wallet: Wallet; readonly folder: string }> {
  const [{ openWallet }, { walletFolderOf }] = await Promise.all([
    import("../chain/wallet.ts"),
    import("./open-client.ts"),
  ]);
  const folder = await walletFolderOf(home);
  return { wallet: await openWallet(folder), folder };
}

function publicFacts({ hotkey, backupMade }: Wallet) {
  return { hotkey, backup: backupMade ? "made" : "never made" } as const;
}

function describe({ hotkey, backup }: ReturnType<typeof publicFacts>): string {
  const hint = backup === "made" ? "" : ': run "engram wallet backup"';
  return columns([
    ["hotkey", hotkey],
    ["backup", `${backup}${hint}`],
  ]);
}
