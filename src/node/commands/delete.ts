import type { Command } from "commander";
import type { DeleteResult } from "../client/memory.ts";
import { FREE_DELETES, requireConsent } from "./consent.ts";
import { usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, openClient, run, settle } from "./kit.ts";
import { count, notFound, print, reportFailure } from "./output.ts";

interface Options extends CommonOptions {
  readonly namespace?: string;
}

/** `engram delete`: forgets memories for good. */
export function deleteCommand(): Command {
  return dataCommand("delete", "forget memories, or a whole namespace, for good")
    .alias("forget")
    .argument("[id...]", "ids of the memories to forget")
    .option("-n, --namespace <name>", "forget everything in this namespace")
    .addHelpText("after", `\nA person has to approve forgetting more than ${FREE_DELETES} memories at once.`)
    .action((ids: string[], options: Options) =>
      run(options, async () => {
        const input = deleteInput(ids, options.namespace);
        await using client = await openClient(options);
        const count = await client.countForDelete(input);
        if (count > FREE_DELETES) {
          const what = "namespace" in input ? `all ${count} memories of ${JSON.stringify(input.namespace)}` : count;
          const summary = `Forget ${typeof what === "number" ? `${what} memories` : what} for good`;
          await requireConsent(client, options, { command: "delete", input, summary });
        }
        const result = await client.delete(input);
        await settle(client);
        await print(options.json === true, result, describe);
        if (result.missing.length > 0) reportFailure(notFound(result.missing), options.json === true);
      }),
    );
}

function deleteInput(ids: readonly string[], namespace: string | undefined) {
  if (namespace !== undefined && ids.length > 0) {
    throw usageError("ids and --namespace were both given", "Name the memories, or the namespace, not both.");
  }
  if (namespace !== undefined) return { namespace };
  if (ids.length > 0) return { ids };
  throw usageError("nothing to forget was named", "Name ids, or a namespace with --namespace.");
}

function describe({ deleted, replicas }: DeleteResult): string {
  const memories = `forgot ${count(deleted.length, "memory", "memories")} on this machine`;
  const told = replicas.pending === 0 ? "" : `; deleting ${count(replicas.pending, "copy", "copies")} at miners`;
  const kept = replicas.impossible === 0 ? "" : `; ${count(replicas.impossible, "miner")} cannot delete a copy`;
  const left = told + kept === "" ? "" : ' ("engram status" shows what is left to delete)';
  return `${memories}${told}${kept}${left}`;
}
