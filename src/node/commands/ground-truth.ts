import { readFile, stat } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type { SeedReport } from "../validator/ground-truth/seed-miners.ts";
import { EXIT } from "./exit-codes.ts";
import { type CommonOptions, positiveInteger, run } from "./kit.ts";
import { columns, count, print, say } from "./output.ts";
import { startProgress } from "./progress.ts";

interface Options extends CommonOptions {
  readonly folder?: string;
  readonly envFile?: string;
}

interface GenerateOptions extends Options {
  readonly count: number;
  readonly texts?: string;
  readonly output?: string;
  readonly force?: boolean;
}

interface SeedCommandOptions extends Options {
  readonly all?: boolean;
  readonly delay: number;
}

/** Each text is compared with each other. */
const MAX_TEXTS = 10_000;

/** `engram validator ground-truth`: makes the texts that miners are asked about, and gives miners their records. */
export function groundTruthCommand(): Command {
  return new Command("ground-truth")
    .description("make the texts whose records miners are asked about, and give miners these records")
    .addCommand(generateCommand())
    .addCommand(seedCommand());
}

function groundTruthSubcommand(name: string, summary: string): Command {
  return new Command(name)
    .description(summary)
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--folder <folder>", "the validator's folder (default: validator in the data folder)")
    .option("--env-file <file>", "read variables from this file (default: ENV_FILE, else .env)")
    .option("--json", "print the result as one line of JSON");
}

function generateCommand(): Command {
  return groundTruthSubcommand("generate", "embed texts and find which are nearest to each")
    .option("--count <number>", `so many texts, up to ${MAX_TEXTS}; sentences are repeated with a mark`, texts, 1_000)
    .option("--texts <file>", "one text a line, in place of the built-in sentences")
    .option("--output <file>", "where to save (default: GROUND_TRUTH_PATH, else ground_truth.jsonl in the folder)")
    .option("--force", "replace a file that is there")
    .action((_, command: Command) => {
      const options = command.optsWithGlobals<GenerateOptions>();
      return run(options, () => generate(options));
    });
}

function seedCommand(): Command {
  return groundTruthSubcommand("seed", "give each record to the miners it belongs to, and note who took it")
    .option("--all", "give every miner every record, as the reference does")
    .option("--delay <seconds>", "between two records to one miner; 0 for none", seconds, 0.7)
    .addHelpText(
      "after",
      "\nCan be run again at any time, and while the validator runs: miners are given what they lack.",
    )
    .action((_, command: Command) => {
      const options = command.optsWithGlobals<SeedCommandOptions>();
      return run(options, () => seed(options));
    });
}

async function generate(options: GenerateOptions): Promise<void> {
  const { path } = await validatorFiles(options);
  const output = options.output ?? path;
  if (options.force !== true && (await stat(output).catch(() => null)) !== null) {
    throw new EngramError("FILE_EXISTS", `${output} is there already`, {
      fix: "Name another with --output, or give --force; miners hold the records of the old one.",
    });
  }
  const [{ UseLiteEmbedder }, { generateGroundTruth, repeatedTexts }, { saveGroundTruth }, { SENTENCES }] =
    await Promise.all([
      import("../embedding/use-lite.ts"),
      import("../validator/ground-truth/generate.ts"),
      import("../validator/ground-truth/ground-truth-file.ts"),
      import("../validator/ground-truth/sentences.ts"),
    ]);
  const sentences = options.texts === undefined ? SENTENCES : await textsOf(options.texts);
  const progress = await startProgress("embedding", options.count, options);
  await using embedder = new UseLiteEmbedder();
  const onProgress = (embedded: number) => progress.at(embedded, count(embedded, "text"));
  const work = generateGroundTruth(repeatedTexts(sentences, options.count), embedder, { onProgress });
  const entries = await work.finally(() => progress.end());
  await saveGroundTruth(output, entries);
  const result = { path: output, entries: entries.length, dimensions: embedder.profile.dim };
  await print(options.json === true, result, ({ entries }) => `saved ${count(entries, "text")} to ${output}`);
}

async function seed(options: SeedCommandOptions): Promise<void> {
  const { config, folder, home, path, environment } = await validatorFiles(options);
  const [seeding, { loadGroundTruth }, { openValidatorStore }, starting, which, chains, wallets, clock, http, nodes] =
    await Promise.all([
      import("../validator/ground-truth/seed-miners.ts"),
      import("../validator/ground-truth/ground-truth-file.ts"),
      import("../validator/store/validator-store.ts"),
      import("../validator/start-validator.ts"),
      import("../validator/which-miners.ts"),
      import("../chain/open-chain.ts"),
      import("../chain/wallet.ts"),
      import("../runtime/clock.ts"),
      import("../runtime/http-client.ts"),
      import("../chain/node-address.ts"),
    ]);
  const [{ readSubnetOptions }, { join }] = await Promise.all([
    import("../runtime/config-chain.ts"),
    import("node:path"),
  ]);
  const { entries, skipped } = await loadGroundTruth(path);
  if (entries.length === 0) {
    throw new EngramError("GROUND_TRUTH_EMPTY", `there is no ground truth in ${path}`, {
      fix: 'Run "engram validator ground-truth generate" first.',
    });
  }
  if (skipped.length > 0) say(`${count(skipped.length, "line")} of ${path} cannot be used, the first is ${skipped[0]}`);
  const identity = await wallets.openWallet(starting.validatorIdentityFolder(folder));
  await using chain = chains.openChain(config.chain, home, () => identity, readSubnetOptions(environment));
  const isSimulated = (await chain.identity()).startsWith("local:");
  const { neurons } = await chain.metagraph();
  const miners = which.callableMiners(which.minersOf(neurons, identity.hotkey), isSimulated);
  if (miners.length === 0) {
    throw new EngramError("MINERS_NONE", "the chain shows no miner that can be called", { fix: "Try again later." });
  }
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort()).once("SIGTERM", () => stopping.abort());
  await using store = openValidatorStore(join(folder, "validator.db"));
  const client = http.createHttpClient(nodes.createNodeFetch({ isSimulated }));
  const deps = { store, http: client, identity, clock: clock.systemClock, signal: stopping.signal };
  const progress = await startProgress("seeding", 1, options);
  const work = seeding.seedMiners(deps, entries, miners, {
    paceMs: options.delay * 1_000,
    all: options.all === true,
    onProgress: (tried, total) => progress.at(tried / total, `${tried} of ${count(total, "record")}`),
  });
  const reports = await work.finally(() => progress.end());
  await print(options.json === true, { miners: reports }, ({ miners }) => describe(miners));
  if (reports.some(({ failed, mismatched }) => failed + mismatched > 0)) process.exitCode = EXIT.failure;
}

/** Where the validator of these options keeps what it has. */
async function validatorFiles(options: Options) {
  const [{ homeFolder }, { readValidatorConfig }, { groundTruthPath }, { serviceEnvironment }, { join }] =
    await Promise.all([
      import("../runtime/config.ts"),
      import("../validator/validator-config.ts"),
      import("../validator/ground-truth/open-ground-truth.ts"),
      import("./serve-until-stopped.ts"),
      import("node:path"),
    ]);
  const { environment } = await serviceEnvironment(options.envFile);
  const config = readValidatorConfig(environment);
  const home = homeFolder(environment, options.home);
  const folder = options.folder ?? join(home, "validator");
  return { environment, config, home, folder, path: groundTruthPath(folder, config) };
}

async function textsOf(file: string): Promise<readonly string[]> {
  const lines = (await readFile(file, "utf8")).split("\n").map((line) => line.trim());
  const found = lines.filter((line) => line !== "");
  if (found.length > 0) return found;
  throw new EngramError("FILE_EMPTY", `${file} has no texts`, { fix: "Write one text a line." });
}

function describe(reports: readonly SeedReport[]): string {
  const rows = reports.map(({ miner, stored, mismatched, failed }) => [
    miner,
    `${stored} held`,
    `${mismatched} under another CID`,
    `${failed} failed`,
  ]);
  return columns(rows);
}

function texts(text: string): number {
  const value = positiveInteger(text);
  if (value > MAX_TEXTS) throw new InvalidArgumentError(`It must be at most ${MAX_TEXTS}.`);
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 3_600))
    throw new InvalidArgumentError("It must be seconds from 0.");
  return value;
}
