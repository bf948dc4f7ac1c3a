import type { Command } from "commander";
import { loneSession } from "../client/lone-session.ts";
import type { Metadata, StoreInput, StoreResult } from "../client/memory.ts";
import { requireConsent, staysOnThisMachine } from "./consent.ts";
import { usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, jsonObject, openClient, run, settle, time, timeSpan } from "./kit.ts";
import { print, say } from "./output.ts";
import { readStandardInput } from "./standard-input.ts";

interface Options extends CommonOptions {
  readonly namespace?: string;
  readonly speaker?: string;
  readonly session?: string;
  readonly at?: number;
  readonly metadata?: Metadata;
  readonly ttl?: number;
  readonly replaces?: string;
  readonly public?: boolean;
  readonly dedupe: boolean;
}

/** `engram store`: remembers one text, of the command line or of standard input. */
export function storeCommand(): Command {
  return dataCommand("store", "remember a text")
    .alias("remember")
    .argument("[text...]", 'the text; "-" or nothing reads it from standard input')
    .option("-n, --namespace <name>", "namespace to store into (default: main)")
    .option("--speaker <name>", "who said it")
    .option("--session <name>", "what it belongs together with: found by its neighbours' words too (default: nothing)")
    .option(
      "--at <time>",
      'when it was said or happened: a time, here if it names no zone, or a day such as "last Friday" (default: now)',
      time,
    )
    .option("--metadata <json>", `a JSON object kept with it, as in '{"topic":"travel"}'`, jsonObject)
    .option("--ttl <span>", 'forget it after this time, as in "12h" or "30d"', timeSpan)
    .option("--replaces <id>", "store it in the place of this memory, which is forgotten")
    .option("--public", "store it readable for everyone on the subnet")
    .option("--no-dedupe", "store it again even when it is there already")
    .action((words: string[], options: Options) =>
      run(options, async () => {
        const text = await textOf(words);
        const input = storeInput(text, options);
        await using client = await openClient(options);
        if (options.public) {
          const { assertNoSecrets } = await import("../client/secret-scan.ts");
          await assertNoSecrets(input.items); // before a person is asked to allow it
        }
        if (options.public && !(await staysOnThisMachine(client))) {
          const summary = `Publish this text where everyone can read it: ${JSON.stringify(text.slice(0, 200))}`;
          await requireConsent(client, options, { command: "store", input, summary });
        }
        const result = await client.store(input);
        const noted = await settle(client);
        await print(options.json === true, { ...result, ...noted }, describe);
        if (noted.note !== undefined && !options.json) say(noted.note);
      }),
    );
}

async function textOf(words: readonly string[]): Promise<string> {
  const fromArguments = words.length > 0 && !(words.length === 1 && words[0] === "-");
  const text = fromArguments ? words.join(" ") : await readStandardInput("the text to remember");
  if (text.trim() !== "") return text;
  throw usageError("there is no text to remember", 'Write it behind the command: engram store "Mara likes tea"');
}

function storeInput(text: string, options: Options): StoreInput {
  const { namespace, speaker, at, metadata, ttl, replaces } = options;
  return {
    items: [{ text, ...(speaker && { speaker }), ...(at !== undefined && { at }), ...(metadata && { metadata }) }],
    session: options.session ?? loneSession(`cli ${new Date().toISOString().slice(0, 10)}`, text),
    ...(namespace !== undefined && { namespace }),
    ...(options.public && { public: true }),
    ...(ttl !== undefined && { ttlSeconds: ttl }),
    ...(replaces !== undefined && { replaces }),
    ...(!options.dedupe && { dedupe: false }),
  };
}

function describe({ stored, replicas }: StoreResult): string {
  const where = replicas.possible === 0 ? "on this machine" : `${replicas.have} of ${replicas.target} replicas so far`;
  return stored.map(({ id, deduped }) => `${deduped ? "already there" : "stored"}  ${id}  (${where})`).join("\n");
}
