import tabtab, { type CompletionItem } from "@pnpm/tabtab";
import { Argument, Command, type Option } from "commander";
import type { NamespaceInfo } from "../client/memory.ts";
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
"npm link" or "npm install --global" in this folder brings that. Names that are not one plain
word (blanks, quotes, signs that a shell acts on) are not offered.`;

/** `engram completion`: prints what makes a shell complete commands, options, namespaces and ids. */
export function completionCommand(): Command {
  return new Command("completion")
    .description("print the completion script of a shell")
    .addArgument(new Argument("<shell>", "whose script").choices(["bash", "zsh", "fish", "pwsh"]))
    .addHelpText("after", HELP)
    .action(async (shell: "bash" | "zsh" | "fish" | "pwsh") => {
      try {
        const script = await tabtab.getCompletionScript({ name: "engram", completer: "engram", shell });
        await writeOut(shell === "fish" ? withoutEval(script) : script);
      } catch (error) {
        reportFailure(error, false);
      }
    });
}

/** The library's script for fish evaluates the line that is typed: a tab behind a quoted `$(…)` would run it. */
function withoutEval(script: string): string {
  return script.replace(/\(eval (.*)\)$/m, (_, call: string) => `(${call.replaceAll('\\""', '"')})`);
}

/** Answers the shell: `program` gives the whole tree of commands. */
export function completionServerCommand(program: () => Promise<Command>): Command {
  return new Command(COMPLETION_SERVER)
    .description("what the completion script asks")
    .argument("[words...]")
    .allowUnknownOption()
    .action(async (seen: readonly string[]) => {
      const { partial, words: place } = tabtab.parseEnv(process.env);
      const words = partial.trimStart().split(/\s+/).slice(1);
      const last = words.at(-1) ?? "";
      const shell = tabtab.getShellFromEnv(process.env);
      // Without bash-completion, bash breaks words at ":" and "@", and would put a whole value behind the break.
      if (shell === "bash" && seen[place]?.startsWith(last) === false) return;
      const items = await candidates(await program(), words.slice(0, -1), last);
      if (items !== null) tabtab.log([...items], shell);
      // bash and PowerShell turn to files by themselves, and quote their names; their scripts would not.
      else if (shell === "zsh" || shell === "fish") tabtab.logFiles();
    });
}

/** What may stand where `last` is being typed, behind `before`; null where it is up to the shell (a file's name). */
export async function candidates(
  program: Command,
  before: readonly string[],
  last: string,
): Promise<readonly CompletionItem[] | null> {
  const { command, home, awaited, operands } = placeBehind(program, before);
  if (awaited?.argChoices) return awaited.argChoices.map((name) => ({ name }));
  if (awaited?.long === "--namespace") return await namespaces(home, () => true);
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
  const final = command.registeredArguments.at(-1);
  const argument = command.registeredArguments[operands] ?? (final?.variadic ? final : undefined);
  if (argument?.argChoices) return argument.argChoices.map((name) => ({ name }));
  if (argument?.name() === "namespace") return await namespaces(home, command.name() === "leave" ? isShared : isOwn);
  return argument?.name() === "id" ? await ids(home) : null;
}

/**
 * Where `words` lead to: the command, the data folder they name, the option that awaits its value, and how many of the
 * command's arguments are there.
 */
function placeBehind(program: Command, words: readonly string[]) {
  let command = program;
  let home: string | undefined;
  let awaited: Option | undefined;
  let operands = 0;
  for (const word of words) {
    const option = awaited;
    awaited = undefined;
    if (option?.long === "--home") home = word;
    if (option) continue;
    const next = command.commands.find((one) => [one.name(), ...one.aliases()].includes(word));
    if (next) command = next;
    else if (word.startsWith("-")) awaited = valueOption(command, word);
    else operands += 1;
  }
  return { command, home, awaited, operands };
}

function valueOption({ options }: Command, word: string): Option | undefined {
  return options.find(({ long, short, required, optional }) => (required || optional) && [long, short].includes(word));
}

function isShared({ owner }: NamespaceInfo): boolean {
  return owner !== undefined;
}

/** What a person may share, and end. */
function isOwn({ owner, visibility }: NamespaceInfo): boolean {
  return owner === undefined && visibility === "private";
}

async function namespaces(
  home: string | undefined,
  fits: (namespace: NamespaceInfo) => boolean,
): Promise<readonly CompletionItem[]> {
  const { storedValues } = await import("./completion-values.ts");
  return await storedValues(home, VALUES_MS, async (store) => {
    const found = await store.call("namespaces", { now: Date.now() });
    return found.filter(fits).map(({ name, memories }) => ({
      name,
      description: count(memories, "memory", "memories"),
    }));
  });
}

async function ids(home: string | undefined): Promise<readonly CompletionItem[]> {
  const { storedValues } = await import("./completion-values.ts");
  return await storedValues(home, VALUES_MS, async (store) => {
    const { items } = await store.call("list", { order: "newest", limit: MAX_IDS, now: Date.now() });
    return items.map(({ id, text }) => ({ name: id, description: described(text) }));
  });
}

/** The beginning of a text in one line; fish would take a backslash for an escape, and `\n` for another value. */
function described(text: string): string {
  return visible(text.slice(0, 60)).replaceAll(/[\s\\]+/g, " ");
}
