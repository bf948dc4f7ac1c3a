import { Command } from "commander";
import { DEFAULT_NAMESPACE } from "../../node/client/limits.ts";
import type { CommonOptions } from "../../node/commands/kit.ts";

interface Options extends CommonOptions {
  readonly namespace?: string;
}

/** Turns of one session that are kept: the last ones. */
const MAX_TURNS = 1_000;

const START_HELP = `
Of the namespace, it prints the newest 12 memories that session-end stored in this folder, and nothing of elsewhere: not of
another folder of the same name, nor what was stored before memories told their folder.`;

const END_HELP = `
Each memory's metadata names the folder: "project" is the last part of its path, "folder" a fingerprint of the whole, which
tells folders of one name apart without saying where they are. A folder that is moved is another one. Of a session the last
1,000 turns are read. Those that hold something like a key, are very short or longer than 100,000 characters are left out;
how many of each is said on standard error.`;

const SNIPPET_HELP = `
Put it into .claude/settings.json of a project, or into ~/.claude/settings.json for all of them; where "hooks" are there
already, add these two lists to them. A hook never fails the session: what goes wrong is said on standard error.`;

/** `engram mcp hook`: what Claude Code calls when a session begins and ends. */
export function hookCommand(): Command {
  const hook = new Command("hook").description(
    "hooks for Claude Code: recall at the start of a session, store its end",
  );
  hook
    .command("snippet")
    .description("print the hooks for Claude Code's settings")
    .option("--home <folder>", "let the hooks use this data folder (default: ENGRAM_HOME where it is set)")
    .option("-n, --namespace <name>", `namespace to tell from and store into (default: ${DEFAULT_NAMESPACE})`)
    .addHelpText("after", SNIPPET_HELP)
    .action(async (options: Options) => {
      const { print } = await import("../../node/commands/output.ts");
      await print(false, await snippet(options), (hooks) => JSON.stringify(hooks, null, 2));
    });
  for (const [name, description, help, work] of [
    ["session-start", "print what earlier sessions left in this folder, for Claude Code to add", START_HELP, start],
    ["session-end", "store what was said in the session", END_HELP, end],
  ] as const) {
    hook
      .command(name)
      .description(description)
      .option("--home <folder>", "data folder")
      .option("-n, --namespace <name>", `namespace (default: ${DEFAULT_NAMESPACE})`)
      .addHelpText("after", help)
      .action((options: Options) => quietly(() => work(options)));
  }
  return hook;
}

/** A hook that fails must not end the session it was called for. */
async function quietly(work: () => Promise<void>): Promise<void> {
  const { isEngramError } = await import("../../crypto/errors.ts");
  try {
    await work();
  } catch (error) {
    const reason = isEngramError(error) ? `${error.message} (${error.code})` : String(error);
    process.stderr.write(`engram: ${reason}\n`);
  }
}

async function start(options: Options): Promise<void> {
  const [{ openClient }, { recallForSession }, { writeOut }] = await Promise.all([
    import("../../node/commands/kit.ts"),
    import("../hooks/recall-session.ts"),
    import("../../node/commands/output.ts"),
  ]);
  const { cwd } = await readInput();
  await using client = await openClient(options);
  const context = await recallForSession(client, await scopeOf(options, cwd), Date.now());
  if (context === null) return;
  const answer = { hookSpecificOutput: { hookEventName: "SessionStart", additionalContext: context } };
  await writeOut(`${JSON.stringify(answer)}\n`);
}

async function end(options: Options): Promise<void> {
  const [{ openClient, settle }, { describeKept, rememberSession }, { readTranscriptFile }] = await Promise.all([
    import("../../node/commands/kit.ts"),
    import("../hooks/remember-session.ts"),
    import("../hooks/transcript.ts"),
  ]);
  const { session_id, cwd, transcript_path } = await readInput();
  if (transcript_path === undefined) return;
  const said = await readTranscriptFile(transcript_path, MAX_TURNS);
  await using client = await openClient(options);
  const kept = await rememberSession(client, await scopeOf(options, cwd), session_id, said);
  await settle(client);
  process.stderr.write(`engram: ${describeKept(kept)}\n`);
}

async function readInput() {
  const [{ readStandardInput }, { parseHookInput }] = await Promise.all([
    import("../../node/commands/standard-input.ts"),
    import("../hooks/transcript.ts"),
  ]);
  return parseHookInput(await readStandardInput("what Claude Code tells its hooks"));
}

async function scopeOf({ namespace }: Options, cwd: string | undefined) {
  const { sessionFolder } = await import("../hooks/session-folder.ts");
  return { namespace, ...(await sessionFolder(cwd ?? process.cwd())) };
}

/** The hooks with the same absolute paths as `engram mcp install` writes. */
async function snippet({ home, namespace }: Options) {
  const { entryHere } = await import("./installation.ts");
  const { command, args } = entryHere(home);
  // The entry starts the server; the hooks are commands below it.
  const own = args.indexOf("mcp") + 1;
  const chosen = [...args.slice(own), ...(namespace === undefined ? [] : ["--namespace", namespace])];
  const call = (name: string) => [command, ...args.slice(0, own), "hook", name, ...chosen].map(shellWord).join(" ");
  const hooks = (name: string) => [{ hooks: [{ type: "command", command: call(name), timeout: 60 }] }];
  return { hooks: { SessionStart: hooks("session-start"), SessionEnd: hooks("session-end") } };
}

/** Quoted for the shells that Claude Code starts hooks with: sh, and on Windows Git's bash. */
function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
