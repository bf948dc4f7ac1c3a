import { Command } from "commander";
import { say } from "../../node/commands/output.ts";
import { fail, inFolder, withFolder } from "./gateway-folder.ts";
import { receivedCommand } from "./gateway-received.ts";
import { webhookCommand } from "./gateway-webhooks.ts";

/** What a person does to a gateway's folder: `rotate`, `restore`, `token`, `webhook`, `payments`. */
export function ledgerCommands(): readonly Command[] {
  return [rotateCommand(), restoreCommand(), tokenCommand(), webhookCommand(), receivedCommand()];
}

function rotateCommand(): Command {
  return withFolder(new Command("rotate"))
    .description("give a stopped gateway a new key: the old one signs it, and readers that pinned either follow")
    .action((_: object, command: Command) =>
      inFolder(command, async (folder) => {
        const { rotateKey } = await import("../gateway/change-ledger.ts");
        const { gateway_hotkey, first_seq } = await rotateKey(folder);
        say(`${gateway_hotkey} signs from receipt ${first_seq} on; relays must pin it (ENGRAM_GATEWAY_HOTKEY)`);
      }),
    );
}

function restoreCommand(): Command {
  return withFolder(new Command("restore"))
    .description("after a backup was brought back to a stopped gateway: begin a new ledger that signs the old head")
    .argument("<name>", "the new ledger's name: letters, digits, dots, dashes")
    .action((name: string, _: object, command: Command) =>
      inFolder(command, async (folder) => {
        const { restoreLedger } = await import("../gateway/change-ledger.ts");
        const { ledger, previous, first_seq } = await restoreLedger(folder, name);
        say(`ledger ${ledger} goes on from receipt ${previous?.gateway_seq ?? 0} with number ${first_seq}`);
      }),
    );
}

function tokenCommand(): Command {
  const token = new Command("token").description("readers' tokens, each with scopes and pseudonyms of its own");
  withFolder(token.command("add <name>"))
    .description("make a token and print it once")
    .option("--scopes <list>", "what it may read: feed, receipts, payers, separated by commas", "feed")
    .action((name: string, { scopes }: { readonly scopes: string }, command: Command) =>
      inFolder(command, async (folder) => {
        const [{ newToken, readScopes, tokenHash }, { openGatewayStore }] = await tokenModules();
        const made = newToken();
        await using store = openGatewayStore(folder);
        const reader = { name, hash: tokenHash(made), scopes: readScopes(scopes) };
        if (await store.call("addReader", reader)) process.stdout.write(`${made}\n`);
        else fail(`${name} has a token already; remove it first`);
      }),
    );
  withFolder(token.command("list"))
    .description("show who has a token, and for what")
    .action((_: object, command: Command) =>
      inFolder(command, async (folder) => {
        const [, { openGatewayStore }] = await tokenModules();
        await using store = openGatewayStore(folder);
        for (const { name, scopes } of await store.call("readers", null)) {
          process.stdout.write(`${name}\t${scopes.join(",")}\n`);
        }
      }),
    );
  withFolder(token.command("remove <name>"))
    .description("end a token")
    .action((name: string, _: object, command: Command) =>
      inFolder(command, async (folder) => {
        const [, { openGatewayStore }] = await tokenModules();
        await using store = openGatewayStore(folder);
        if (await store.call("removeReader", { name })) say(`${name} reads no more`);
        else fail(`nobody is called ${name}`);
      }),
    );
  return token;
}

function tokenModules() {
  return Promise.all([import("../gateway/readers.ts"), import("../gateway/gateway-store.ts")]);
}
