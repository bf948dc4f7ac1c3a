import { Command } from "commander";
import { awaitChain } from "../../node/commands/await-chain.ts";
import { groundTruthCommand } from "../../node/commands/ground-truth.ts";
import { positiveInteger, run } from "../../node/commands/kit.ts";
import { serveUntilStopped, serviceEnvironment } from "../../node/commands/serve-until-stopped.ts";
import { stopSignal } from "../../node/commands/stop-signal.ts";
import type { ValidatorOverrides } from "../../node/validator/validator-config.ts";

interface Options extends ValidatorOverrides {
  readonly home?: string;
  readonly folder?: string;
  readonly envFile?: string;
}

/** `engram validator`: measures miners, agrees with other validators, sets weights and relays what was agreed. */
export function validatorCommand(): Command {
  return new Command("validator")
    .description("challenge miners, agree with other validators, set weights and relay what was agreed")
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--folder <folder>", "its rounds, hotkey, outbox and payer (default: validator in the data folder)")
    .option(
      "--env-file <file>",
      "read variables from this file (default: ENV_FILE, else .env in the working directory)",
    )
    .option("--host <address>", "listen on this address (default: ENGRAM_VALIDATOR_HOST, else 127.0.0.1)")
    .option("--port <number>", "listen there (default: VALIDATOR_PORT, else 8092)", positiveInteger)
    .addHelpText("after", environmentHelp)
    .addCommand(groundTruthCommand())
    .action((options: Options) => run(options, () => validate(options)));
}

const environmentHelp = `
Environment:
  ENGRAM_CHAIN              the chain (required): test, finney, or wss:// addresses separated by commas; "local" is
                            simulated and stays on this machine
  NETUID                    the subnet there (default: 450)
  ENGRAM_ENV                mainnet refuses simulated chains
  EXTERNAL_IP               the address others reach this machine at
  ENGRAM_VALIDATOR_URL      the same behind a proxy, like https://validator.example.org
  ENGRAM_TLS_CERT_FILE      serve https by this certificate (PEM, with its chain); taken up anew when it is renewed
  ENGRAM_TLS_KEY_FILE       its key (PEM)
  ENGRAM_DRAIN_SECONDS      how long /ready says 503 before a stop, up to 3 (default: 1)
  EMBEDDING_DIM             dimensions of the vectors that the miners take (default: 512)
  GROUND_TRUTH_PATH         texts whose records miners are asked about (default: ground_truth.jsonl in its folder)
  SLASH_COOLDOWN_BLOCKS     how long a miner that failed its challenges gets no weight (default: 7200)
  CONSENSUS_MIN_VALIDATORS  so many other validators must agree before a round is relayed (default: 0); weights wait for
                            them one tempo at most
  CONSENSUS_MIN_STAKE_TAO   what a validator must have staked for its word to count (default: 0)
  ENGRAM_ADMIN_PORT         the operator's own listener, for /metrics (the relay's too), /health, /ready
  ENGRAM_ADMIN_HOST         its address (default: 127.0.0.1); on any other it shows the same, to whoever reaches it
  VALIDATOR_PEERS           validators beside those on the chain: HOTKEY@http://host:port, separated by commas
  OTEL_EXPORTER_OTLP_ENDPOINT  send traces there, OTLP over HTTP, like http://127.0.0.1:4318 (docs/operations.md)
  ENGRAM_LOG_LEVEL          fatal, error, warn, info (default), debug or silent; logs go to stderr

Relaying agreed rounds:
  XERIS_RELAY_URL           the gateway: http://, https://, or unpaid grpc://host:port, grpcs://host:port; without one
                            nothing is sent, but others' rounds are co-signed still
  ENGRAM_GATEWAY_HOTKEY     the gateway's hotkey, whose receipts count (required with a gateway)
  ENGRAM_RELAY_ENABLED      0 sends nothing
  XERIS_RELAY_TIMEOUT       seconds that an attempt may take (default: 10)
  RELAY_RANKING_AFTER       reveal (default): once the weights were revealed and read back; set: once they are in a
                            final block
  RELAY_SCHEMA              v1 or v2 (default)
  RELAY_ALERT_WEBHOOK_URL   told by POST of the third failed attempt on end, of each doubling, and of the end
  RELAY_RETENTION_DAYS      so long what has ended is kept whole in the outbox (default: 30)
  RELAY_ANCHOR              auto (default): each relayed round is anchored on the chain where it is real, which may cost a
                            fee of the hotkey's; always or never
  RELAY_METRICS_PORT        serves /metrics and /relay/status of the relay on 127.0.0.1
  RELAY_QUORUM_MIN          signatures that a round is sent with, where they can be had (default: 2)

Paying for it:
  ENGRAM_DAILY_BUDGET_USD   what may be spent a day, as in 0.50 (default: 0, nothing)
  ENGRAM_MAX_PAYMENT_USD    what one submission may cost (default: 0.05)
  ENGRAM_PAYMENT_RPC_URL    a node of the payment chain; without one nothing is paid
  ENGRAM_PAYMENT_NETWORKS   eip155:84532 (default) and eip155:8453, where dollars are real
  ENGRAM_PAYMENT_MAINNET    true switches real dollars on (default: false)
  ENGRAM_PAYMENT_ORIGINS    addresses that may ask for money, separated by commas (default: the gateway's)
  ENGRAM_PAYEES             addresses that may be paid (default: whoever the gateway names; required where it is on
                            another machine and its URL is not https)`;

async function validate(options: Options): Promise<void> {
  const [
    config,
    { readSubnetOptions },
    validatorConfig,
    starting,
    validating,
    chains,
    wallets,
    clock,
    { join },
    { startTraces },
  ] = await Promise.all([
    import("../../node/runtime/config.ts"),
    import("../../node/runtime/config-chain.ts"),
    import("../../node/validator/validator-config.ts"),
    import("../validator/start-relaying-validator.ts"),
    import("../../node/validator/start-validator.ts"),
    import("../../node/chain/open-chain.ts"),
    import("../../node/chain/wallet.ts"),
    import("../../node/runtime/clock.ts"),
    import("node:path"),
    import("../../node/runtime/start-traces.ts"),
  ]);
  const { environment, logger } = await serviceEnvironment(options.envFile);
  const validator = validatorConfig.readValidatorConfig(environment, options);
  const warn = (fields: object, sentence: string) => logger.warn(fields, sentence);
  await using _traces = await startTraces(validator.traces, { part: "engram-validator", warn });
  const home = config.homeFolder(environment, options.home);
  const folder = options.folder ?? join(home, "validator");
  const stopped = stopSignal();
  const signer = await wallets.openWallet(validating.validatorIdentityFolder(folder));
  const signerOf = (hotkey: string) => (hotkey === signer.hotkey ? signer : undefined);
  await using chain = chains.openChain(validator.chain, home, signerOf, readSubnetOptions(environment));
  if (!(await awaitChain(chain, { logger, stopped }))) return;
  const deps = { chain, clock: clock.systemClock, logger, environment };
  await using running = await starting.startRelayingValidator(folder, validator, deps);
  const { hotkey, url, endpoint, payer, relay } = running;
  logger.info({ hotkey, url, endpoint, payer, relay: relay.live }, "the validator serves");
  await serveUntilStopped(running, stopped, validator.drainMs);
  logger.info("the validator stops");
}
