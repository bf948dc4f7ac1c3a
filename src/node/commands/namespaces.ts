import type { Command } from "commander";
import type { NamespaceInfo } from "../client/memory.ts";
import { type CommonOptions, dataCommand, withClient } from "./kit.ts";
import { columns, print } from "./output.ts";
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

function createCommand(): Command {
  return dataCommand("create", "create a private namespace")
    .argument("<name>", "its name; miners never see it")
    .option("--plain-name", "let miners see the name, so that clients of the reference project can use it")
    .action((name: string, { plainName, ...options }: CommonOptions & { readonly plainName?: boolean }) =>
      withClient(options, async (client) => {
        const created = await client.createNamespace({ name, ...(plainName && { plainName }) });
        await print(options.json === true, created, (namespace) => describe([namespace]));
      }),
    );
}

function describe(namespaces: readonly NamespaceInfo[]): string {
  if (namespaces.length === 0) return 'no namespaces yet: "engram store" creates the first, main';
  return columns([
    ["namespace", "visibility", "memories", "last write"],
    ...namespaces.map(({ name, visibility, memories, lastWrite, plainName }) => [
      name,
      plainName ? `${visibility}, plain name` : visibility,
      String(memories),
      lastWrite === undefined ? "never" : ago(lastWrite),
    ]),
  ]);
}
