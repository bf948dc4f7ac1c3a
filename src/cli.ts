import { Command, CommanderError } from "commander";
import pkg from "../package.json" with { type: "json" };
import { EXIT, PROGRAM_HELP } from "./node/commands/exit-codes.ts";
import { endWithReader, reportFailure, usageErrorText } from "./node/commands/output.ts";
import { missingPackage } from "./node/runtime/missing-package.ts";

/** Commands in the order of the help. Each folder declares its own; the one that is called is the only one loaded. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () =>
    (await import("./relay/commands/up.ts")).upCommand(async (options) =>
      (await import("./mcp/dashboard/open-dashboard.ts")).openDashboard(options),
    ),
  dashboard: async () => (await import("./mcp/commands/dashboard.ts")).dashboardCommand(),
  demo: async () => (await import("./demo/commands/demo.ts")).demoCommand(),
  mcp: async () => (await import("./mcp/commands.ts")).mcpCommand(),
  store: async () => (await import("./node/commands/store.ts")).storeCommand(),
  query: async () => (await import("./node/commands/query.ts")).queryCommand(),
  get: async () => (await import("./node/commands/get.ts")).getCommand(),
  list: async () => (await import("./node/commands/list.ts")).listCommand(),
  delete: async () => (await import("./node/commands/delete.ts")).deleteCommand(),
  namespaces: async () => (await import("./node/commands/namespaces.ts")).namespacesCommand(),
  import: async () => (await import("./node/commands/import.ts")).importCommand(),
  export: async () => (await import("./node/commands/export.ts")).exportCommand(),
  archive: async () => (await import("./node/commands/archive.ts")).archiveCommand(),
  reindex: async () => (await import("./node/commands/reindex.ts")).reindexCommand(),
  models: async () => (await import("./node/commands/models.ts")).modelsCommand(),
  restore: async () => (await import("./node/commands/restore.ts")).restoreCommand(),
  backup: async () => (await import("./node/commands/backup.ts")).backupCommand(),
  "upgrade-data": async () => (await import("./mcp/commands/upgrade-data.ts")).upgradeDataCommand(),
  verify: async () => (await import("./node/commands/verify.ts")).verifyCommand(),
  status: async () => (await import("./node/commands/status.ts")).statusCommand(),
  doctor: async () => (await import("./node/commands/doctor.ts")).doctorCommand(() => import("./mcp/doctor-checks.ts")),
  wallet: async () => (await import("./node/commands/wallet.ts")).walletCommand(),
  keys: async () => (await import("./node/commands/keys.ts")).keysCommand(),
  approve: async () => (await import("./node/commands/approve.ts")).approveCommand(),
  miners: async () => (await import("./node/commands/miners.ts")).minersCommand(),
  miner: async () => (await import("./node/commands/miner.ts")).minerCommand(),
  validator: async () => (await import("./relay/commands/validator.ts")).validatorCommand(),
  weights: async () => (await import("./node/commands/weights.ts")).weightsCommand(),
  register: async () => (await import("./node/commands/register.ts")).registerCommand(),
  metagraph: async () => (await import("./node/commands/metagraph.ts")).metagraphCommand(),
  chain: async () => (await import("./node/commands/chain.ts")).chainCommand(),
  relay: async () => (await import("./relay/commands/relay.ts")).relayCommand(),
  payments: async () => (await import("./relay/commands/payments.ts")).paymentsCommand(),
  gateway: async () => (await import("./relay/commands/gateway.ts")).gatewayCommand(),
  completion: async () => (await import("./node/commands/completion.ts")).completionCommand(),
  "completion-server": async () => (await import("./node/commands/completion.ts")).completionServerCommand(allCommands),
};

/** The program with every command, which only completion and the help need. */
async function allCommands(): Promise<Command> {
  for (const name of Object.keys(COMMANDS)) await addCommand(name);
  return program;
}

async function addCommand(name: string): Promise<void> {
  if (program.commands.some((command) => command.name() === name)) return;
  const command = await COMMANDS[name]?.();
  if (command) program.addCommand(adopt(command), { hidden: name === "completion-server" });
}

const [called = ""] = process.argv.slice(2);
const wantsJson = process.argv.includes("--json");

const program = new Command("engram")
  .description(pkg.description)
  .version(pkg.version)
  .showSuggestionAfterError()
  .configureOutput({
    outputError: (text, write) => write(usageErrorText(text, wantsJson)),
    writeOut: (text) => {
      endWithReader();
      process.stdout.write(text);
    },
  })
  // As each command's own help has it: a phrase is no argument, even where one is taken to be refused.
  .configureHelp({
    subcommandTerm: (command) => `${[command.name(), ...command.aliases()].join("|")} ${command.usage()}`,
  })
  .addHelpText("after", PROGRAM_HELP)
  .enablePositionalOptions() // an option belongs to the command it stands behind
  .exitOverride();

/** Makes every command behind `command` speak and leave as the program does. */
function adopt(command: Command): Command {
  command.copyInheritedSettings(program);
  command.commands.forEach(adopt);
  return command;
}

try {
  if (Object.hasOwn(COMMANDS, called)) await addCommand(called);
  else await allCommands();
  await program.parseAsync();
} catch (error) {
  if (missingPackage(error)) reportFailure(error, wantsJson);
  else if (!(error instanceof CommanderError)) throw error;
  // Commander has told the person already; asked-for help is no error.
  else process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
