import type { Command } from "commander";
import { type CommonOptions, dataCommand, withClient } from "./kit.ts";
import { notFound, print, reportFailure } from "./output.ts";
import { showMemory } from "./show.ts";

/** `engram get`: shows memories by id. */
export function getCommand(): Command {
  return dataCommand("get", "show memories by id")
    .argument("<id...>", "ids, or their beginnings of at least 8 characters after m_")
    .action((ids: string[], options: CommonOptions) =>
      withClient(options, async (client) => {
        const result = await client.get(ids);
        if (result.items.length > 0 || options.json) {
          await print(options.json === true, result, ({ items }) => items.map(showMemory).join("\n"));
        }
        if (result.missing.length > 0) reportFailure(notFound(result.missing), options.json === true);
      }),
    );
}
