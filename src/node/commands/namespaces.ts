import type { Command } from "commander";
import type { NamespaceInfo } from "../client/memory.ts";
import { obfuscationWarning } from "../client/obfuscation.ts";
import { type CommonOptions, dataCommand, withClient } from "./kit.ts";
import { columns, count, print, say } from "./output.ts";
import { sharingCommands } from "./sharing.ts";
import { ago } from "./show.ts";

/** `engram namespaces`: shows them; `create` makes one. */
export function namespacesCommand(): Command {
  const command = dataCommand("namespaces", "show your namespaces, create one, or share one with another wallet")
    .action((options: CommonOptions) =>
      withClient(options, async (client) => {
        const namespaces = await client.namespaces();
        await print(options.json === true, { namespaces }, () => describe(namespaces));
      }),
    )
    .addCommand(createCommand());
  for (const one of sharingCommands()) command.addCommand(one);
  return command;
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
    ...namespaces.map(({ name, visibility, memories, lastWrite, ...kind }) => [
      name,
      [visibility, ...kindOf(kind)].join(", "),
      String(memories),
      lastWrite === undefined ? "never" : ago(lastWrite),
    ]),
  ]);
}

function kindOf({
  plainName,
  remoteSearch,
  owner,
  readers,
  grantExpiresAt,
}: Partial<NamespaceInfo>): readonly string[] {
  const over = grantExpiresAt !== undefined && grantExpiresAt <= Date.now();
  return [
    ...(plainName ? ["plain name"] : []),
    ...(remoteSearch ? ["remote search"] : []),
    ...(owner === undefined ? [] : [`shared by ${owner}${over ? " (grant expired)" : ""}`]),
    ...(readers === undefined ? [] : [count(readers, "reader")]),
  ];
}
