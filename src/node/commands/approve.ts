import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import { askPerson, personAtTerminal } from "./consent.ts";
import { type CommonOptions, dataCommand, openClient, run } from "./kit.ts";
import { print } from "./output.ts";

/** `engram approve`: a person's word for one act that an agent or a script asked for. */
export function approveCommand(): Command {
  return dataCommand("approve", "approve one act that an agent or a script asked for")
    .argument("<code>", "the code that the refused call named")
    .action((code: string, options: CommonOptions) =>
      run(options, async () => {
        const approved = await approve(code.trim().toLowerCase(), options);
        if (approved === null) {
          throw new EngramError("APPROVAL_UNKNOWN", "no act is waiting for this code", {
            fix: "Codes hold for 5 minutes and once: repeat the refused call to get a new one.",
          });
        }
        await print(options.json === true, { approved: true, ...approved }, ({ summary }) => `approved: ${summary}`);
      }),
    );
}

/** Who asked may be an agent with a bearer token: its question waits in the folder of its own memories. */
async function approve(code: string, options: CommonOptions): Promise<{ readonly summary: string } | null> {
  const { homesOf } = await import("./open-client.ts");
  for (const home of await homesOf(options.home)) {
    await using client = await openClient({ ...options, home });
    const waiting = await client.approvals.pending(code);
    if (waiting === null) continue;
    // At a terminal a person reads what it is before agreeing; the code alone says nothing.
    if (personAtTerminal(options)) await askPerson(`Allow this? ${waiting.summary}`);
    return await client.approvals.approve(code);
  }
  return null;
}
