import { type Command, Option } from "commander";
import { parseFilter } from "../protocol/filter.ts";
import { type CommonOptions, dataCommand, jsonObject, positiveInteger, withClient } from "./kit.ts";
import { print } from "./output.ts";
import { readSharedFirst } from "./read-shared-first.ts";
import { showMemory } from "./show.ts";

interface Options extends CommonOptions {
  readonly namespace?: string;
  readonly filter?: Record<string, unknown>;
  readonly order?: "newest" | "oldest";
  readonly limit?: number;
  readonly cursor?: string;
}

/** `engram list`: pages through the memories of a namespace. */
export function listCommand(): Command {
  return dataCommand("list", "page through the memories of a namespace, the last stored first")
    .option("-n, --namespace <name>", "which namespace (default: all of yours)")
    .option("--filter <json>", `condition on the metadata, as in '{"topic":"travel"}'`, jsonObject)
    .addOption(
      new Option("--order <order>", "which come first by when they were stored (default: newest)").choices([
        "newest",
        "oldest",
      ]),
    )
    .option("-l, --limit <number>", "how many at most, 1 to 200 (default: 20)", positiveInteger)
    .option("--cursor <cursor>", "go on where an earlier answer ended")
    .action(({ namespace, filter, order, limit, cursor, ...options }: Options) =>
      withClient(options, async (client) => {
        if (namespace !== undefined) await readSharedFirst(client, [namespace]);
        const result = await client.list({
          limit: limit ?? 20,
          ...(namespace !== undefined && { namespace }),
          ...(filter && { filter: parseFilter(filter) }),
          ...(order && { order }),
          ...(cursor !== undefined && { cursor }),
        });
        await print(options.json === true, result, ({ items, next }) => {
          if (items.length === 0) return "no memories here";
          return [...items.map(showMemory), ...(next === undefined ? [] : [`more: --cursor ${next}`])].join("\n");
        });
      }),
    );
}
