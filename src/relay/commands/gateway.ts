import { Command } from "commander";
import { positiveInteger, run } from "../../node/commands/kit.ts";
import { serveUntilStopped, serviceEnvironment } from "../../node/commands/serve-until-stopped.ts";
import { stopSignal } from "../../node/commands/stop-signal.ts";
import type { GatewayOverrides } from "../gateway/gateway-config.ts";
import { ledgerCommands } from "./gateway-ledger.ts";

interface Options extends GatewayOverrides {
  readonly home?: string;
  readonly folder?: string;
  readonly envFile?: string;
}

/** `engram gateway`: takes what validators and authors relay, gives receipts and serves it on. */
export function gatewayCommand(): Command {
  const command = new Command("gateway")
    .description("take relayed outputs, give signed receipts for them, and serve them as a feed")
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--folder <folder>", "this gateway's submissions and hotkey (default: gateway in the data folder)")
    .option(
      "--env-file <file>",
      "read variables from this file (default: ENV_FILE, else .env in the working directory)",
    )
    .option("--host <address>", "listen on this address (default: ENGRAM_GATEWAY_HOST, else 127.0.0.1)")
    .option("--port <number>", "listen there (default: ENGRAM_GATEWAY_PORT, else 9000)", positiveInteger)
    .addHelpText("after", environmentHelp)
    .action((options: Options) => run(options, () => serve(options)));
  for (const one of ledgerCommands()) command.addCommand(one);
  return command;
}

const environmentHelp = `
Environment:
  ENGRAM_CHAIN              the chain (required): test, finney, or wss:// addresses separated by commas; "local" is
                            simulated and stays on this machine
  ENGRAM_ENV                mainnet refuses simulated chains
  NETUID                    the subnet whose outputs are taken (default: 450)
  CONSENSUS_MIN_STAKE_TAO   what a validator must have staked for its signature to count (default: 0)
  ENGRAM_ADMIN_PORT         the operator's own listener, for /metrics, /health and /ready
  ENGRAM_ADMIN_HOST         its address (default: 127.0.0.1); on any other it shows the same, to whoever reaches it
  ENGRAM_GATEWAY_URL        where others reach this gateway (default: where it listens)
  ENGRAM_TLS_CERT_FILE      serve https by this certificate (PEM, with its chain); taken up anew when it is renewed
  ENGRAM_TLS_KEY_FILE       its key (PEM)
  ENGRAM_DRAIN_SECONDS      how long /ready says 503 before a stop, up to 3 (default: 1)
  ENGRAM_TRUSTED_PROXIES    proxies whose X-Forwarded-For counts, addresses or networks separated by commas
  ENGRAM_GATEWAY_PUBLIC_SCOPES  what is read without a token, some of feed,receipts,payers (default: feed,receipts;
                            all three on a simulated chain)
  ENGRAM_GATEWAY_ANCHOR     auto (default): rankings must be anchored where the chain is real; always
  ENGRAM_GATEWAY_KEEP_BODIES_DAYS  forget what was accepted so long ago, but for its receipt (default: 0, never)
  ENGRAM_GATEWAY_WEBHOOK_LOOPBACK  true lets readers' webhooks be on this machine (default: only on a simulated chain)
  ENGRAM_GATEWAY_WEBHOOK_DAYS  a webhook that failed for so long is given up (default: 7)
  ENGRAM_GATEWAY_PRICE_USD  what a submission costs, as in 0.001 (default: 0, free)
  ENGRAM_GATEWAY_PAY_TO     the address that is paid
  ENGRAM_GATEWAY_NETWORK    eip155:84532 (default) or eip155:8453, where dollars are real
  ENGRAM_PAYMENT_MAINNET    true switches real dollars on (default: false)
  ENGRAM_PAYMENT_RPC_URL    a node of that network
  ENGRAM_FACILITATOR_URL    an x402 facilitator (default: this gateway settles itself, with gas on its own key)
  ENGRAM_FACILITATOR_AUTH   the Authorization header that the facilitator wants, as in "Bearer …"
  ENGRAM_PAYMENT_STATE      the folder of a local payment chain, which keeps its state in files
  OTEL_EXPORTER_OTLP_ENDPOINT  send traces there, OTLP over HTTP, like http://127.0.0.1:4318 (docs/operations.md)
  ENGRAM_LOG_LEVEL          fatal, error, warn, info (default), debug or silent; logs go to stderr`;

async function serve(options: Options): Promise<void> {
  const [config, gatewayConfig, starting, chains, clock, { join }, { startTraces }] = await Promise.all([
    import("../../node/runtime/config.ts"),
    import("../gateway/gateway-config.ts"),
    import("../gateway/start-gateway.ts"),
    import("../../node/chain/open-chain.ts"),
    import("../../node/runtime/clock.ts"),
    import("node:path"),
    import("../../node/runtime/start-traces.ts"),
  ]);
  const { environment, logger } = await serviceEnvironment(options.envFile);
  const home = config.homeFolder(environment, options.home);
  const gateway = gatewayConfig.readGatewayConfig(environment, options.folder ?? join(home, "gateway"), options);
  const warn = (fields: object, sentence: string) => logger.warn(fields, sentence);
  await using _traces = await startTraces(gateway.traces, { part: "engram-gateway", warn });
  const stopped = stopSignal();
  await using chain = chains.openChain(gateway.chain, home, undefined, { netuid: gateway.netuid });
  await using running = await starting.startGateway(gateway, { chain, clock: clock.systemClock, logger });
  logger.info({ hotkey: running.hotkey, url: running.url, origin: running.origin }, "the gateway serves");
  await serveUntilStopped(running, stopped, gateway.drainMs);
  logger.info("the gateway stops");
}
