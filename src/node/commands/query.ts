import { type Command, Option } from "commander";
import type { QueryInput, QueryResult } from "../client/memory.ts";
import { parseFilter } from "../protocol/filter.ts";
import {
  type CommonOptions,
  dataCommand,
  fraction,
  jsonObject,
  positiveInteger,
  repeatable,
  withClient,
} from "./kit.ts";
import { print, say } from "./output.ts";
import { readSharedFirst } from "./read-shared-first.ts";
import { showHit } from "./show.ts";

interface Options extends CommonOptions {
  readonly namespace?: readonly string[];
  readonly scope?: "own" | "public" | "all";
  readonly limit?: number;
  readonly minScore?: number;
  readonly filter?: Record<string, unknown>;
  readonly mode?: "hybrid" | "semantic" | "keyword";
  readonly recency?: number;
  readonly cursor?: string;
}

/** `engram query`: recalls what fits a question. */
export function queryCommand(): Command {
  return dataCommand("query", "recall what fits a question")
    .argument("<question...>", "what to look for, in plain words")
    .addOption(repeatable("-n, --namespace <name>", "search this namespace alone; may be given several times"))
    .addOption(new Option("--scope <scope>", "whose memories (default: own)").choices(["own", "public", "all"]))
    .option("-l, --limit <number>", "how many hits at most, 1 to 50 (default: 10)", positiveInteger)
    .option("--min-score <score>", "leave out hits below this score, 0 to 1", fraction)
    .option("--filter <json>", `condition on the metadata, as in '{"topic":"travel"}'`, jsonObject)
    .addOption(new Option("--mode <mode>", "how to match (default: hybrid)").choices(["hybrid", "semantic", "keyword"]))
    .option(
      "--recency <days>",
      "prefer the new: at this age a quarter of the score is lost, at most half",
      positiveInteger,
    )
    .option("--cursor <cursor>", "go on where an earlier answer ended")
    .action((words: string[], options: Options) =>
      withClient(options, async (client) => {
        if (options.scope !== "public") await readSharedFirst(client, options.namespace);
        const result = await client.query(queryInput(words.join(" "), options));
        await print(options.json === true, result, describe);
        if (result.note !== undefined && !options.json) say(result.note);
      }),
    );
}

function queryInput(query: string, options: Options): QueryInput {
  const { namespace, filter, scope, limit, minScore, mode, recency, cursor } = options;
  return {
    query,
    limit: limit ?? 10,
    ...(namespace && { namespaces: namespace }),
    ...(scope && { scope }),
    ...(minScore !== undefined && { minScore }),
    ...(filter && { filter: parseFilter(filter) }),
    ...(mode && { mode }),
    ...(recency !== undefined && { recency }),
    ...(cursor !== undefined && { cursor }),
  };
}

function describe({ hits, next, why }: QueryResult): string {
  if (hits.length === 0) return why ?? "nothing found";
  return [...hits.map(showHit), ...(next === undefined ? [] : [`more: --cursor ${next}`])].join("\n");
}
