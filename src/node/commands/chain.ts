import { Command, InvalidArgumentError } from "commander";
import { isHotkey } from "../../crypto/ss58.ts";
import type { ControlledChain } from "../chain/open-chain.ts";
import { usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, positiveInteger, run } from "./kit.ts";
import { print } from "./output.ts";
import { stopSignal } from "./stop-signal.ts";

interface ServeOptions {
  readonly home?: string;
  readonly folder?: string;
  readonly port: number;
  readonly blockMs?: number;
  readonly finalityLag?: number;
  readonly weightsInterval?: number;
  readonly stepped?: boolean;
}

/** `engram chain`: a simulated chain for processes of this machine, and what its owner can do with it. */
export function chainCommand(): Command {
  return new Command("chain")
    .description("serve a simulated chain to processes of this machine")
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--folder <folder>", "this chain's file and hotkey (default: chain in the data folder)")
    .option("--port <number>", "listen there on 127.0.0.1; 0 takes a free one", portNumber, 9955)
    .option("--block-ms <number>", "milliseconds between blocks (default: 12000)", positiveInteger)
    .option("--finality-lag <number>", "blocks from the finalized one to the head (default: 3)", wholeNumber)
    .option("--weights-interval <number>", "blocks between a validator's weights (default: 20)", positiveInteger)
    .option("--stepped", "make blocks by hand, with engram chain step")
    .addHelpText("after", help)
    .action((options: ServeOptions) => run(options, () => serve(options)))
    .addCommand(
      dataCommand("stake", "set a hotkey's stake: those with the most validate")
        .argument("<hotkey>")
        .argument("<tao>", "from 0", tao)
        .action((hotkey: string, amount: number, options: CommonOptions) =>
          run(options, () => stake(hotkey, amount, options)),
        ),
    )
    .addCommand(
      dataCommand("step", "make blocks on a stepped chain")
        .argument("[count]", "how many", positiveInteger, 1)
        .action((count: number, options: CommonOptions) =>
          run(options, () => tell(options, async (chain) => ({ head: await chain.step(count) }))),
        ),
    )
    .addCommand(
      dataCommand("reorg", "replace the newest blocks, as a real chain may")
        .argument("<depth>", "how many", positiveInteger)
        .option("--seed <number>", "decides what the new blocks hold", wholeNumber, 0)
        .action((depth: number, options: CommonOptions & { readonly seed: number }) =>
          run(options, () => tell(options, (chain) => chain.reorg({ depth, seed: options.seed }))),
        ),
    )
    .addCommand(
      dataCommand("status", "what the chain is, and its neurons as of the head").action((options: CommonOptions) =>
        run(options, () => tell(options, statusOf)),
      ),
    );
}

const help = `
What a chain was made with it keeps: the options above count for a new one. ENGRAM_CHAIN=local:URL opens it in other
processes, and names it to the commands below (default: local, the chain in the data folder).`;

async function serve(options: ServeOptions): Promise<void> {
  const [config, serving, { servedLocalChainSettings }, clock, logging, { join }] = await Promise.all([
    import("../runtime/config.ts"),
    import("../chain/local/serve-local-chain.ts"),
    import("../chain/local/local-chain-settings.ts"),
    import("../runtime/clock.ts"),
    import("../runtime/logger.ts"),
    import("node:path"),
  ]);
  const environment = config.readEnvironment();
  const { ENGRAM_LOG_LEVEL, LOG_LEVEL } = config.parseVariables(config.sharedVariables, environment);
  const logger = logging.createLogger({ level: ENGRAM_LOG_LEVEL ?? LOG_LEVEL ?? "info" });
  const { blockMs, finalityLag, weightsInterval, stepped } = options;
  const stopped = stopSignal();
  await using served = await serving.serveLocalChain({
    folder: options.folder ?? join(config.homeFolder(environment, options.home), "chain"),
    hostname: "127.0.0.1",
    port: options.port,
    settings: {
      ...servedLocalChainSettings,
      ...(blockMs === undefined ? {} : { blockMs }),
      ...(finalityLag === undefined ? {} : { finalityLag }),
      ...(weightsInterval === undefined ? {} : { weightsInterval }),
      ...(stepped === true ? { blocks: "stepped" as const } : {}),
    },
    clock: clock.systemClock,
    logger,
  });
  const { blocks, blockMs: every, finalityLag: lag } = await served.chain.genesis();
  logger.info(
    { url: served.url, setting: served.setting, blocks, blockMs: every, finalityLag: lag },
    "the chain serves",
  );
  await stopped;
  logger.info("the chain stops");
}

async function stake(hotkey: string, amount: number, options: CommonOptions): Promise<void> {
  if (!isHotkey(hotkey)) throw usageError("this is not a hotkey", 'Copy it from "engram chain status".');
  await tell(options, async (chain) => ({ hotkey, stakeTao: amount, block: await chain.stake(hotkey, amount) }));
}

async function statusOf(chain: ControlledChain) {
  const [identity, head, finalized] = await Promise.all([chain.identity(), chain.head(), chain.finalized()]);
  const { neurons } = await chain.metagraph(head.number);
  return { identity, head, finalized, neurons };
}

/** Does something with the chain that `ENGRAM_CHAIN` names and prints what came of it. */
async function tell<T>(options: CommonOptions, act: (chain: ControlledChain) => Promise<T>): Promise<void> {
  const [{ homeFolder, readEnvironment }, { openControlledChain }] = await Promise.all([
    import("../runtime/config.ts"),
    import("../chain/open-chain.ts"),
  ]);
  const environment = readEnvironment();
  const setting = environment["ENGRAM_CHAIN"] ?? "local";
  await using chain = openControlledChain(setting, homeFolder(environment, options.home));
  await print(options.json === true, await act(chain), (result) => JSON.stringify(result, null, 2));
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text)) return value;
  throw new InvalidArgumentError("It must be a whole number from 0.");
}

function portNumber(text: string): number {
  const value = wholeNumber(text);
  if (value <= 65_535) return value;
  throw new InvalidArgumentError("It must be a port from 0 to 65535.");
}

function tao(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("It must be a number from 0.");
}
