import { Command } from "commander";
import type { MinerOverrides } from "../miner/miner-config.ts";
import { awaitChain } from "./await-chain.ts";
import { positiveInteger, run } from "./kit.ts";
import { serveUntilStopped, serviceEnvironment } from "./serve-until-stopped.ts";
import { stopSignal } from "./stop-signal.ts";

interface Options extends MinerOverrides {
  readonly home?: string;
  readonly folder?: string;
  readonly envFile?: string;
}

/** `engram miner`: keeps and serves records for others over TCP. */
export function minerCommand(): Command {
  return new Command("miner")
    .description("keep and serve records for others over TCP, with a hotkey of its own")
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--folder <folder>", "this miner's records and hotkey (default: miner in the data folder)")
    .option(
      "--env-file <file>",
      "read variables from this file (default: ENV_FILE, else .env in the working directory)",
    )
    .option("--host <address>", "listen on this address (default: ENGRAM_MINER_HOST, else 127.0.0.1)")
    .option("--port <number>", "listen there (default: MINER_PORT, else 8091)", positiveInteger)
    .addHelpText("after", environmentHelp)
    .action((options: Options) => run(options, () => mine(options)));
}

const environmentHelp = `
Environment:
  ENGRAM_CHAIN               the chain (required): test, finney, or wss:// addresses separated by commas; "local" is
                             simulated and stays on this machine, as "local:URL" is, which "engram chain" serves
  NETUID                     the subnet there (default: 450)
  ENGRAM_ENV                 mainnet requires signatures everywhere
  EXTERNAL_IP                the address others reach this machine at
  ENGRAM_MINER_URL           the same behind a proxy, like https://miner.example.org
  ENGRAM_TLS_CERT_FILE       serve https by this certificate (PEM, with its chain); taken up anew when it is renewed
  ENGRAM_TLS_KEY_FILE        its key (PEM)
  ENGRAM_DRAIN_SECONDS       how long /ready says 503 before a stop, up to 3 (default: 1)
  RATE_LIMIT_MAX_REQUESTS    unsigned requests of one address per window (default: 100)
  RATE_LIMIT_WINDOW_SECS     the window in seconds (default: 60)
  REQUIRE_HOTKEY_SIG         true takes signed requests only
  REQUIRE_METAGRAPH_REG      true takes registered hotkeys only
  ALLOWED_VALIDATOR_HOTKEYS  takes these hotkeys only, separated by commas
  ENGRAM_ADMIN_PORT          the operator's own listener, for /metrics, /health, /ready,
                             /wallet-stats, /namespace
  ENGRAM_ADMIN_HOST          its address (default: 127.0.0.1); on any other it shows figures alone
  ENGRAM_ADMIN_TOKEN         opens the same on the public listener (Authorization: Bearer); at least 32 characters
  ENGRAM_TRUSTED_PROXIES     proxies whose X-Forwarded-For counts, addresses or networks separated by commas
  MIN_INGEST_STAKE_TAO       what a registered hotkey must have staked to ingest (default: 0.001)
  ENGRAM_EMBEDDER            built-in (default), openai or minilm: see docs/embedders.md; a folder keeps to its model
  ENGRAM_EMBED_THREADS       threads that embed texts, each with the model in memory (default: 1)
  QDRANT_URL                 search by this Qdrant, like http://127.0.0.1:6333, in place of memory
  QDRANT_API_KEY             its key
  QDRANT_COLLECTION          the collection there, of this miner alone (default: engram)
  QDRANT_HNSW_EF             search its graph, faster over millions of records and not exact
  QDRANT_SHARDS              of a cluster: what a new collection is divided into
  QDRANT_REPLICATION_FACTOR  of a cluster: how many of its nodes hold each part
  ARWEAVE_KEY                a wallet (JWK file): archives at the owners' word, and checks what records name
  ENGRAM_ARWEAVE_MAX_WINSTON what a UTC day's archiving may cost (10^12 winston are 1 AR; default 0: nothing)
  ARWEAVE_GATEWAY_URL        default https://arweave.net
  OTEL_EXPORTER_OTLP_ENDPOINT  send traces there, OTLP over HTTP, like http://127.0.0.1:4318 (docs/operations.md)
  ENGRAM_LOG_LEVEL           fatal, error, warn, info (default), debug or silent; logs go to stderr`;

async function mine(options: Options): Promise<void> {
  const [
    config,
    { readSubnetOptions },
    minerConfig,
    starting,
    chains,
    embedding,
    clock,
    { openMinerIdentity },
    { join },
    { startTraces },
  ] = await Promise.all([
    import("../runtime/config.ts"),
    import("../runtime/config-chain.ts"),
    import("../miner/miner-config.ts"),
    import("../miner/start-miner.ts"),
    import("../chain/open-chain.ts"),
    import("../embedding/open-embedder.ts"),
    import("../runtime/clock.ts"),
    import("../miner/miner-folder.ts"),
    import("node:path"),
    import("../runtime/start-traces.ts"),
  ]);
  const { environment, logger } = await serviceEnvironment(options.envFile);
  const miner = minerConfig.readMinerConfig(environment, options);
  const warn = (fields: object, sentence: string) => logger.warn(fields, sentence);
  await using _traces = await startTraces(miner.traces, { part: "engram-miner", warn });
  const home = config.homeFolder(environment, options.home);
  const stopped = stopSignal();
  const folder = options.folder ?? join(home, "miner");
  await using chain = chains.openChain(
    miner.chain,
    home,
    () => openMinerIdentity(folder),
    readSubnetOptions(environment),
  );
  if (!(await awaitChain(chain, { logger, stopped }))) return;
  await using embedder = await embedding.openEmbedder(miner.embedding, {
    ...{ home: folder, clock: clock.systemClock, threads: miner.embedThreads },
  });
  const deps = { chain, embedder, clock: clock.systemClock, logger };
  await using running = await starting.startMiner(folder, miner, deps);
  logger.info({ hotkey: running.hotkey, url: running.url, endpoint: running.endpoint }, "the miner serves");
  await serveUntilStopped(running, stopped, miner.drainMs);
  logger.info("the miner stops");
}
