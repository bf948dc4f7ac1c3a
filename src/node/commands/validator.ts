import { Command } from "commander";
import type { ValidatorOverrides } from "../validator/validator-config.ts";
import { positiveInteger, run } from "./kit.ts";
import { stopSignal } from "./stop-signal.ts";

interface Options extends ValidatorOverrides {
  readonly home?: string;
  readonly folder?: string;
}

/** `engram validator`: measures miners, agrees with other validators and sets weights. */
export function validatorCommand(): Command {
  return new Command("validator")
    .description("challenge and query miners, agree with other validators and set weights, with a hotkey of its own")
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--folder <folder>", "this validator's rounds and hotkey (default: validator in the data folder)")
    .option("--host <address>", "listen on this address (default: ENGRAM_VALIDATOR_HOST, else 127.0.0.1)")
    .option("--port <number>", "listen there (default: VALIDATOR_PORT, else 8092)", positiveInteger)
    .addHelpText("after", environmentHelp)
    .action((options: Options) => run(options, () => validate(options)));
}

const environmentHelp = `
Environment:
  ENGRAM_CHAIN              the chain; "local" is simulated and stays on this machine (required)
  ENGRAM_ENV                mainnet refuses simulated chains
  EXTERNAL_IP               the address others reach this machine at
  EMBEDDING_DIM             dimensions of the vectors that the miners take (default: 512)
  CONSENSUS_MIN_VALIDATORS  so many other validators must agree before weights are set (default: 1)
  VALIDATOR_PEERS           validators beside those on the chain: HOTKEY@http://host:port, separated by commas
  ENGRAM_LOG_LEVEL          fatal, error, warn, info (default), debug or silent; logs go to stderr`;

async function validate(options: Options): Promise<void> {
  const [config, validatorConfig, starting, chains, wallets, clock, logging, { join }] = await Promise.all([
    import("../runtime/config.ts"),
    import("../validator/validator-config.ts"),
    import("../validator/start-validator.ts"),
    import("../chain/open-chain.ts"),
    import("../chain/wallet.ts"),
    import("../runtime/clock.ts"),
    import("../runtime/logger.ts"),
    import("node:path"),
  ]);
  const environment = config.readEnvironment();
  const validator = validatorConfig.readValidatorConfig(environment, options);
  const home = config.homeFolder(environment, options.home);
  const folder = options.folder ?? join(home, "validator");
  const { ENGRAM_LOG_LEVEL, LOG_LEVEL } = config.parseVariables(config.sharedVariables, environment);
  const logger = logging.createLogger({ level: ENGRAM_LOG_LEVEL ?? LOG_LEVEL ?? "info" });
  const stopped = stopSignal();
  const signer = await wallets.openWallet(starting.validatorIdentityFolder(folder));
  const signerOf = (hotkey: string) => (hotkey === signer.hotkey ? signer : undefined);
  await using chain = chains.openChain(validator.chain, home, signerOf);
  await using running = await starting.startValidator(folder, validator, { chain, clock: clock.systemClock, logger });
  logger.info({ hotkey: running.hotkey, url: running.url, endpoint: running.endpoint }, "the validator serves");
  await stopped;
  logger.info("the validator stops");
}
