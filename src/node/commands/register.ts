import { type Command, InvalidArgumentError, Option } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import { type ChainAccess, readChainAccess } from "./chain-access.ts";
import { usageError } from "./exit-codes.ts";
import { askPassword } from "./key-password.ts";
import { type CommonOptions, dataCommand, run } from "./kit.ts";
import { columns, print } from "./output.ts";

interface Options extends CommonOptions {
  readonly role: "miner" | "validator";
  readonly folder?: string;
  readonly hotkey?: string;
  readonly coldkey?: string;
  readonly passwordFile?: string;
  readonly maxTao?: number;
}

/** `engram register`: puts a service's hotkey on the subnet, paid by a coldkey. */
export function registerCommand(name = "register"): Command {
  return dataCommand(name, "register a miner's or validator's hotkey on the subnet")
    .addOption(new Option("--role <role>", "whose hotkey").choices(["miner", "validator"]).default("miner"))
    .option("--folder <folder>", "that service's folder (default: miner or validator in the data folder)")
    .option("--hotkey <address>", "this hotkey, in place of a folder's own")
    .option("--coldkey <file>", "btcli's file of the coldkey that signs and pays")
    .option("--password-file <file>", "the coldkey's password is its first line")
    .option("--max-tao <amount>", "most it may cost (default: ENGRAM_MAX_REGISTRATION_TAO, else 0)", amount)
    .addHelpText("after", help)
    .action((options: Options) => run(options, () => register(options)));
}

const help = `
Without --coldkey nothing is paid: the command says what to run where the coldkey is, and leaves with 3. On a simulated
chain nothing is paid either way. The coldkey's password is asked for, or read from --password-file or btcli's own
variable; it is never an argument.

Environment:
  ENGRAM_CHAIN                 finney, test, wss:// addresses separated by commas, local or local:URL
  NETUID                       the subnet there (default: 450)
  ENGRAM_MAX_REGISTRATION_TAO  most that a registration may cost (default: 0)`;

async function register(options: Options): Promise<void> {
  const access = await readChainAccess(options.home);
  const hotkey = await hotkeyOf(options, access);
  const signer = await coldkeyOf(options, access);
  const own = await ownSigner(options, access);
  const signerOf = (key: string) => [signer, own].find((one) => one?.hotkey === key);
  await using opened = await access.open(signerOf, options.maxTao);
  const { chain, isSimulated, netuid } = opened;
  const known = await chain.uidOf(hotkey);
  if (known === null && !isSimulated && signer === undefined) throw needsColdkey(hotkey, netuid);
  const payer = signer?.hotkey ?? hotkey;
  const uid = known ?? (await chain.register(hotkey, payer));
  const result = { chain: await chain.identity(), hotkey, uid, new: known === null };
  await print(options.json === true, result, ({ chain: name, new: isNew }) =>
    columns([
      ["chain", name],
      ["hotkey", hotkey],
      ["uid", `${uid}${isNew ? "" : " (it was registered already)"}`],
    ]),
  );
}

async function hotkeyOf(options: Options, access: ChainAccess): Promise<Hotkey> {
  if (options.hotkey === undefined) {
    const [{ createWallet, findWallet }, folder] = await Promise.all([
      import("../chain/wallet.ts"),
      identityFolder(options, access),
    ]);
    return ((await findWallet(folder)) ?? (await createWallet(folder))).hotkey;
  }
  if (isHotkey(options.hotkey)) return options.hotkey;
  throw usageError("this is not a hotkey", "Give the SS58 address, as in 5F….");
}

/** What a simulated chain served to other processes has signed by. */
async function ownSigner(options: Options, access: ChainAccess) {
  if (options.hotkey !== undefined) return undefined;
  const { findWallet } = await import("../chain/wallet.ts");
  return (await findWallet(await identityFolder(options, access))) ?? undefined;
}

async function identityFolder({ role, folder }: Options, { home }: ChainAccess): Promise<string> {
  const { join } = await import("node:path");
  return join(folder ?? join(home, role), "identity");
}

async function coldkeyOf({ coldkey, passwordFile }: Options, { environment }: ChainAccess) {
  if (coldkey === undefined) return undefined;
  const [{ loadSigner }, { passwordSource }] = await Promise.all([
    import("../chain/wallet.ts"),
    import("../chain/key-password.ts"),
  ]);
  return await loadSigner(coldkey, passwordSource({ environment, passwordFile, prompt: askPassword }));
}

function needsColdkey(hotkey: Hotkey, netuid = 450): EngramError {
  return new EngramError(
    "COLDKEY_NEEDED",
    `registering ${hotkey} is signed and paid by a coldkey, and none was named`,
    {
      fix: `Name its file by --coldkey, or register where the coldkey is: btcli subnet register --netuid ${netuid}`,
    },
  );
}

function amount(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("It must be a number from 0.");
}
