import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import { type CommonOptions, dataCommand, withClient } from "./kit.ts";
import { print } from "./output.ts";

/** `engram approve`: a person's word for one act that an agent or a script asked for. */
export function approveCommand(): Command {
  return dataCommand("approve", "approve one act that an agent or a script asked for")
    .argument("<code>", "the code that the refused call named")
    .action((code: string, options: CommonOptions) =>
      withClient(options, async (client) => {
        const approved = await client.approvals.approve(code.trim().toLowerCase());
        if (approved === null) {
          throw new EngramError("APPROVAL_UNKNOWN", "no act is waiting for this code", {
            fix: "Codes hold for 5 minutes and once: repeat the refused call to get a new one.",
          });
        }
        await print(options.json === true, { approved: true, ...approved }, ({ summary }) => `approved: ${summary}`);
      }),
    );
}
