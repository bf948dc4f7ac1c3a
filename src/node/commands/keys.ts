import { type Command, Command as CommandGroup } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type {
  KeyShares,
  RecoverInput,
  RecoverResult,
  RevokeResult,
  SharesShown,
  SplitInput,
  SplitResult,
  SplitStatus,
} from "../client/key-shares/key-shares.ts";
import type { MemoryClient } from "../client/memory.ts";
import { requireConsent, staysOnThisMachine } from "./consent.ts";
import { type CommonOptions, dataCommand, openClient, positiveInteger, repeatable, run, withClient } from "./kit.ts";
import { columns, print, writeOut } from "./output.ts";
import { ago } from "./show.ts";

const ABOUT = `
A namespace's key can be split among miners, so that some of them together give it back. It is a second way to one
namespace, not a backup of the wallet ("engram wallet backup" is), and as many holders as are needed can read that
namespace together. Keys are compared by fingerprints; the key itself is never shown.`;

/** `engram keys`: splits namespace keys among miners, and recovers them. */
export function keysCommand(): Command {
  return new CommandGroup("keys")
    .description("split a namespace's key among miners, renew or revoke the shares, or recover it from them")
    .addHelpText("after", ABOUT)
    .addCommand(splitCommand())
    .addCommand(refreshCommand())
    .addCommand(revokeCommand())
    .addCommand(recoverCommand())
    .addCommand(readCommand())
    .addCommand(showCommand())
    .addCommand(statusCommand());
}

interface SplitOptions extends CommonOptions {
  readonly namespace?: string;
  readonly threshold?: number;
  readonly holder?: string[];
}

function splitCommand(): Command {
  return dataCommand("split", "give each holder one share of a namespace's key; older shares are replaced")
    .option("-n, --namespace <name>", "the namespace (default: main)")
    .option(
      "-k, --threshold <count>",
      "shares that give the key back (default: half and one more; all, up to 3)",
      positiveInteger,
    )
    .addOption(repeatable("--holder <hotkey>", "a miner that gets a share; repeat it (default: all that keep shares)"))
    .action((options: SplitOptions) =>
      run(options, async () => {
        const { namespace, threshold, holder: holders } = options;
        const input: SplitInput = { namespace, threshold, holders };
        await using client = await openClient(options);
        const name = JSON.stringify(namespace ?? "main");
        const summary = `Give miners shares of the key of ${name}: ${threshold ?? "more than half"} of them together can read it`;
        await agree(client, options, { command: "keys split", input, summary });
        await print(options.json === true, await keySharesOf(client).split(input), describeSplit);
      }),
    );
}

function refreshCommand(): Command {
  return dataCommand("refresh", "give new shares of the same key, to other holders where former ones are gone")
    .option("-n, --namespace <name>", "the namespace (default: main)")
    .option("-k, --threshold <count>", "shares that give the key back (default: as before)", positiveInteger)
    .addOption(repeatable("--holder <hotkey>", "a miner that gets a share; repeat it (default: the former ones)"))
    .action((options: SplitOptions) =>
      run(options, async () => {
        const { namespace, threshold, holder: holders } = options;
        const input: SplitInput = { namespace, threshold, holders };
        await using client = await openClient(options);
        const summary = `Give miners new shares of the key of ${JSON.stringify(namespace ?? "main")}, in place of the old`;
        await agree(client, options, { command: "keys refresh", input, summary });
        await print(options.json === true, await keySharesOf(client).refresh(input), describeSplit);
      }),
    );
}

interface NamedOptions extends CommonOptions {
  readonly namespace?: string;
}

function revokeCommand(): Command {
  return dataCommand("revoke", "have every holder drop its share; who put them together before keeps the key")
    .option("-n, --namespace <name>", "the namespace (default: main)")
    .action((options: NamedOptions) =>
      run(options, async () => {
        const input = { namespace: options.namespace };
        await using client = await openClient(options);
        const summary = `Drop the shares of the key of ${JSON.stringify(options.namespace ?? "main")} at all miners`;
        await agree(client, options, { command: "keys revoke", input, summary });
        await print(options.json === true, await keySharesOf(client).revoke(input), describeRevocation);
      }),
    );
}

function readCommand(): Command {
  return dataCommand("read", "write what a recovered key opens at the miners, as JSON Lines that engram import takes")
    .requiredOption("--wire-name <name>", "the name miners know the namespace by")
    .action((options: CommonOptions & { readonly wireName: string }) =>
      withClient(options, async (client) => {
        const memories = await keySharesOf(client).read({ wireName: options.wireName });
        const { memoryLine } = await import("../client/transfer/memory-line.ts");
        for (const memory of memories) await writeOut(`${memoryLine(memory)}\n`);
      }),
    );
}

function showCommand(): Command {
  return dataCommand("show", "ask the miners for their shares, and say whether they are enough")
    .option("-n, --namespace <name>", "the namespace (default: main)")
    .action((options: NamedOptions) =>
      withClient(options, async (client) => {
        const shown = await keySharesOf(client).show({ namespace: options.namespace });
        await print(options.json === true, shown, describeShown);
      }),
    );
}

interface RecoverOptions extends CommonOptions {
  readonly namespace?: string;
  readonly wireName?: string;
  readonly owner?: string;
}

function recoverCommand(): Command {
  return dataCommand("recover", "rebuild a namespace's key from the shares at miners and check it")
    .option("-n, --namespace <name>", "the namespace (default: main)")
    .option("--wire-name <name>", "the name miners know it by, where its own was forgotten")
    .option("--owner <hotkey>", "whose it is; it must be this wallet's hotkey")
    .action((options: RecoverOptions) =>
      run(options, async () => {
        const { namespace, wireName, owner } = options;
        const input: RecoverInput = { namespace, wireName, owner };
        await using client = await openClient(options);
        const summary = `Recover the key of ${JSON.stringify(wireName ?? namespace ?? "main")} from miners to this machine`;
        await agree(client, options, { command: "keys recover", input, summary });
        await print(options.json === true, await keySharesOf(client).recover(input), describeRecovery);
      }),
    );
}

function statusCommand(): Command {
  return dataCommand("status", "show which namespace keys were split from here").action((options: CommonOptions) =>
    withClient(options, async (client) => {
      const namespaces = await keySharesOf(client).status();
      await print(options.json === true, { namespaces }, () => describeStatus(namespaces));
    }),
  );
}

async function agree(
  client: MemoryClient,
  options: CommonOptions,
  act: Parameters<typeof requireConsent>[2],
): Promise<void> {
  if (!(await staysOnThisMachine(client))) await requireConsent(client, options, act);
}

function keySharesOf({ keyShares }: MemoryClient): KeyShares {
  if (keyShares) return keyShares;
  throw new EngramError("NO_MINERS", "no miner is known", { fix: "name miners in ENGRAM_MINERS" });
}

function describeSplit(split: SplitResult): string {
  const { namespace, fingerprint, epoch, threshold, total, stored, complete, independent, why, holders } = split;
  const failed = holders.filter((holder) => !holder.stored);
  return columns([
    ["namespace", namespace],
    ["key", fingerprint],
    ["shares", `${stored} of ${total} stored, ${threshold} give the key back`],
    ["epoch", `${epoch}${complete ? "" : ", not complete: split again when all holders answer"}`],
    ["independent", independent ? "yes" : `no: ${why ?? "unknown"}`],
    ...failed.map(({ hotkey, problem }) => ["failed", `${hotkey}: ${problem ?? "no answer"}`]),
  ]);
}

function describeRevocation({ namespace, epoch, complete, holders }: RevokeResult): string {
  return columns([
    ["namespace", namespace],
    ["revoked", `below epoch ${epoch}${complete ? "" : ", not by every holder: revoke again when all answer"}`],
    ...holders.map(({ hotkey, revoked, problem }) => ["holder", `${hotkey} ${revoked ? "dropped" : (problem ?? "")}`]),
  ]);
}

function describeShown({ namespace, wireName, split, holders }: SharesShown): string {
  const enough = split?.recoverable ? "enough" : "too few";
  return columns([
    ["namespace", `${namespace}, at miners ${wireName}`],
    ["key", split?.fingerprint ?? "no miner shows a share of it"],
    ...(split
      ? [
          [
            "shares",
            `${split.valid} valid, ${split.threshold} of ${split.total} needed: ${enough}; epoch ${split.epoch}`,
          ],
        ]
      : []),
    ...holders.map(({ hotkey, answer }) => ["holder", `${hotkey} ${answer}`]),
  ]);
}

function describeRecovery({
  wireName,
  fingerprint,
  epoch,
  threshold,
  total,
  valid,
  key,
  file,
  holders,
}: RecoverResult) {
  const place = key === "held" ? "the same as this wallet's" : `saved in ${file ?? "a file"}`;
  return columns([
    ["namespace", wireName],
    ["key", `${fingerprint}, ${place}`],
    ["shares", `${valid} valid, ${threshold} of ${total} needed, epoch ${epoch}`],
    ...holders.map(({ hotkey, answer }) => ["holder", `${hotkey} ${answer}`]),
  ]);
}

function describeStatus(namespaces: readonly SplitStatus[]): string {
  return columns([
    ["namespace", "key", "shares", "split"],
    ...namespaces.map(({ namespace, split }) => {
      if (split === null) return [namespace, "", "never split from here", ""];
      const { fingerprint, threshold, total, complete, at, revokedAt } = split;
      if (revokedAt !== undefined) return [namespace, fingerprint, "revoked", ago(revokedAt)];
      return [namespace, fingerprint, `${threshold} of ${total}${complete ? "" : ", not complete"}`, ago(at)];
    }),
  ]);
}
