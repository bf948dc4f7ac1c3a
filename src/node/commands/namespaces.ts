import type { Command } from "commander";
import type { NamespaceInfo } from "../client/memory.ts";
import { obfuscationWarning } from "../client/obfuscation.ts";
import { type CommonOptions, dataCommand, withClient } from "./kit.ts";
import { columns, print, say } from "./output.ts";
import { ago } from "./show.ts";

/** `engram namespaces`: shows them; `create` makes one. */
export function namespacesCommand(): Command {
  return dataCommand("namespaces", "show your namespaces, or create one")
    .action((options: CommonOptions) =>
      withClient(options, async (client) => {
        const namespaces = await client.namespaces();
        await print(options.json === true, { namespaces }, () => describe(namespaces));
      }),
    )
    .addCommand(createCommand());
}

interface CreateOptions extends CommonOptions {
  readonly plainName?: boolean;
  readonly remoteSearch?: boolean;
}

function createCommand(): Command {
  return dataCommand("create", "create a private namespace")
    .argument("<name>", "its name; miners never see it")
    .option("--plain-name", "let miners see the name, so that clients of the reference project can use it")
    .option("--remote-search", "let miners search it, by obfuscated vectors that hide little (docs/privacy.md)")
    .action((name: string, { plainName, remoteSearch, ...options }: CreateOptions) =>
      withClient(options, async (client) => {
        const kind = { ...(plainName && { plainName }), ...(remoteSearch && { remoteSearch }) };
        const created = await client.createNamespace({ name, ...kind });
        if (remoteSearch) say(obfuscationWarning());
        await print(options.json === true, created, (namespace) => describe([namespace]));
      }),
    );
}

function describe(namespaces: readonly NamespaceInfo[]): string {
  if (namespaces.length === 0) return 'no namespaces yet: "engram store" creates the first, main';
  return columns([
    ["namespace", "visibility", "memories", "last write"],
    ...namespaces.map(({ name, visibility, memories, lastWrite, plainName, remoteSearch }) => [
      name,
      [visibility, ...(plainName ? ["plain name"] : []), ...(remoteSearch ? ["remote search"] : [])].join(", "),
      String(memories),
      lastWrite === undefined ? "never" : ago(lastWrite),
    ]),
  ]);
}
