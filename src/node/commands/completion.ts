import tabtab, { type CompletionItem } from "@pnpm/tabtab";
import { Argument, Command } from "commander";
import { visible } from "../runtime/visible-text.ts";
import { count, reportFailure, writeOut } from "./output.ts";

/** The hidden command that the shell asks at every tab. */
export const COMPLETION_SERVER = "completion-server";

/** Ids that are offered: the newest. */
const MAX_IDS = 50;
/** A shell that waits is worse than one that offers nothing. */
const VALUES_MS = 2_000;

const HELP = `
For this shell alone: source <(engram completion bash). For good, add that line to ~/.bashrc or ~/.zshrc; for fish:
engram completion fish > ~/.config/fish/completions/engram.fish. The command must be called engram where you type it:
"npm link" or "npm install --global" in this folder brings that.`;

/** `engram completion`: prints what makes a shell complete commands, options, namespaces and ids. */
export function completionCommand(): Command {
  return new Command("completion")
    .description("print the completion script of a shell")
    .addArgument(new Argument("<shell>", "whose script").choices(["bash", "zsh", "fish", "pwsh"]))
    .addHelpText("after", HELP)
    .action(async (shell: "bash" | "zsh" | "fish" | "pwsh") => {
      try {
        await writeOut(await tabtab.getCompletionScript({ name: "engram", completer: "engram", shell }));
      } catch (error) {
        reportFailure(error, false);
      }
    });
}

/** Answers the shell: `program` gives the whole tree of commands. */
export function completionServerCommand(program: () => Promise<Command>): Command {
  return new Command(COMPLETION_SERVER)
    .description("what the completion script asks")
    .argument("[words...]")
    .allowUnknownOption()
    .action(async () => {
      const { partial } = tabtab.parseEnv(process.env);
      const words = partial.trimStart().split(/\s+/).slice(1);
      const items = await candidates(await program(), words.slice(0, -1), words.at(-1) ?? "");
      if (items === null) tabtab.logFiles();
      else tabtab.log([...items], tabtab.getShellFromEnv(process.env));
    });
}

/** What may stand where `last` is being typed, behind `before`; null where it is up to the shell (a file's name). */
export async function candidates(
  program: Command,
  before: readonly string[],
  last: string,
): Promise<readonly CompletionItem[] | null> {
  const { command, home } = commandAt(program, before);
  const awaited = command.options.find(
    ({ long, short, required, optional }) =>
      (required || optional) && before.length > 0 && [long, short].includes(before.at(-1)),
  );
  if (awaited?.argChoices) return awaited.argChoices.map((name) => ({ name }));
  if (awaited?.long === "--namespace") return await namespaces(home);
  if (awaited?.long === "--replaces") return await ids(home);
  if (awaited) return null;
  if (last.startsWith("-")) {
    const options = command.options.filter(({ hidden }) => !hidden);
    return options.map(({ long, short, description }) => ({ name: long ?? short ?? "", description }));
  }
  if (command.commands.length > 0) {
    const shown = command.commands.filter((one) => one.name() !== COMPLETION_SERVER);
    return shown.map((one) => ({ name: one.name(), description: one.description() }));
  }
  const [argument] = command.registeredArguments;
  if (argument?.argChoices) return argument.argChoices.map((name) => ({ name }));
  return argument?.name() === "id" ? await ids(home) : null;
}

/** The command that `words` lead to, and the data folder they name. */
function commandAt(program: Command, words: readonly string[]) {
  let command = program;
  let home: string | undefined;
  for (const [index, word] of words.entries()) {
    if (words[index - 1] === "--home") home = word;
    command = command.commands.find((one) => one.name() === word) ?? command;
  }
  return { command, home };
}

async function namespaces(home: string | undefined): Promise<readonly CompletionItem[]> {
  const { openMemories } = await import("./completion-values.ts");
  return await openMemories(home, VALUES_MS, async (client) =>
    (await client.namespaces()).map(({ name, memories }) => ({
      name,
      description: count(memories, "memory", "memories"),
    })),
  );
}

async function ids(home: string | undefined): Promise<readonly CompletionItem[]> {
  const { openMemories } = await import("./completion-values.ts");
  return await openMemories(home, VALUES_MS, async (client) => {
    const { items } = await client.list({ limit: MAX_IDS });
    return items.map(({ id, text }) => ({ name: id, description: visible(text.slice(0, 60)).replaceAll(/\s+/g, " ") }));
  });
}
