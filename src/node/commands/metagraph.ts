import { type Command, InvalidArgumentError } from "commander";
import type { Metagraph, Neuron } from "../ports.ts";
import { readChainAccess } from "./chain-access.ts";
import { type CommonOptions, dataCommand, run } from "./kit.ts";
import { columns, print } from "./output.ts";

interface Options extends CommonOptions {
  readonly at?: number;
}

/** `engram metagraph`: the subnet's neurons, as one block has them. */
export function metagraphCommand(): Command {
  return dataCommand("metagraph", "show the subnet's neurons: who they are, what they stake, where they serve")
    .option("--at <block>", "as of this block (default: the newest that is final)", blockNumber)
    .addHelpText("after", help)
    .action((options: Options) => run(options, () => show(options)));
}

const help = `
Environment:
  ENGRAM_CHAIN  finney, test, wss:// addresses separated by commas, local or local:URL (default: the chain of the data
                folder's "engram up")
  NETUID        the subnet there (default: 450)

Chains drop the state of old blocks: with --at name an endpoint of an archive node.`;

async function show({ home, json, at }: Options): Promise<void> {
  const access = await readChainAccess(home);
  await using opened = await access.open();
  const [chain, metagraph] = await Promise.all([opened.chain.identity(), opened.chain.metagraph(at)]);
  await print(json === true, { chain, ...metagraph }, table);
}

function table({ chain, block, hash, neurons }: Metagraph & { readonly chain: string }): string {
  const head = ["uid", "hotkey", "stake", "permit", "incentive", "serves"];
  const rows = columns([head, ...neurons.map(row)]);
  return `chain ${chain}\nblock ${block} ${hash}\n\n${neurons.length === 0 ? "no neurons" : rows}`;
}

function row({ uid, hotkey, stakeTao, validatorPermit, incentive, endpoint }: Neuron): readonly string[] {
  const share = incentive === 0 ? "0" : incentive.toFixed(5);
  return [String(uid), hotkey, stakeTao.toFixed(3), validatorPermit ? "yes" : "no", share, endpoint ?? "-"];
}

function blockNumber(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be the number of a block.");
}
