import { Command, Option } from "commander";
import { positiveInteger } from "../../node/commands/kit.ts";
import { columns, print, say } from "../../node/commands/output.ts";
import type { OutputType } from "../payload/types.ts";
import { fail, inFolder, withFolder } from "./gateway-folder.ts";

interface AddOptions {
  readonly types?: string;
  readonly minAssurance: "quorum" | "author" | "payer";
  readonly after?: number;
}

const TYPES = ["ranking", "memory", "inference"] as const;

/** `engram gateway webhook add|list|remove|revive`: where readers have items pushed to. */
export function webhookCommand(): Command {
  const webhook = new Command("webhook").description("have what readers may see pushed to them, signed, in order");
  withFolder(webhook.command("add <reader> <url>"))
    .description("push to this URL from now on, and print the webhook's secret once")
    .option("--types <list>", `only these: ${TYPES.join(", ")}, separated by commas (default: all)`)
    .addOption(
      new Option("--min-assurance <level>", "the least that must be known of an item")
        .choices(["quorum", "author", "payer"])
        .default("quorum"),
    )
    .option("--after <number>", "begin behind this receipt instead of with the next one", positiveInteger)
    .action((reader: string, url: string, options: AddOptions, command: Command) =>
      inFolder(command, async (folder) => {
        const { addWebhook, openWebhookSecrets, openGatewayStore } = await modules();
        const types = typesOf(options.types);
        if (types === null) return fail(`these are not all types: list some of ${TYPES.join(", ")}`);
        await using store = openGatewayStore(folder);
        const { minAssurance, after = null } = options;
        // Whether this machine may be pushed to is the running gateway's rule.
        const request = { reader, url, types, minAssurance, after, loopback: true };
        const { id, secret } = await addWebhook(store, await openWebhookSecrets(folder), request);
        process.stdout.write(`${id}\t${secret}\n`);
      }),
    );
  withFolder(webhook.command("list"))
    .description("show webhooks, and how each fares")
    .option("--json", "print the result as one line of JSON")
    .action(({ json }: { readonly json?: boolean }, command: Command) =>
      inFolder(command, async (folder) => {
        const { openGatewayStore, shownWebhook } = await modules();
        await using store = openGatewayStore(folder);
        const webhooks = (await store.call("webhooks", { reader: null })).map(shownWebhook);
        await print(json === true, { webhooks }, (shown) => describe(shown.webhooks));
      }),
    );
  withFolder(webhook.command("remove <id>"))
    .description("push there no more")
    .action((id: string, _: object, command: Command) =>
      inFolder(command, async (folder) => {
        const { openGatewayStore } = await modules();
        await using store = openGatewayStore(folder);
        if (await store.call("removeWebhook", { id, reader: null })) say(`${id} is gone`);
        else fail("no webhook has this id");
      }),
    );
  withFolder(webhook.command("revive <id>"))
    .description("try one again that failed for so long that it was given up; it goes on where it stood")
    .action((id: string, _: object, command: Command) =>
      inFolder(command, async (folder) => {
        const { openGatewayStore } = await modules();
        await using store = openGatewayStore(folder);
        if (await store.call("reviveWebhook", { id })) say(`${id} is tried again`);
        else fail("no webhook has this id");
      }),
    );
  return webhook;
}

async function modules() {
  const [{ addWebhook, shownWebhook }, { openWebhookSecrets }, { openGatewayStore }] = await Promise.all([
    import("../gateway/webhooks.ts"),
    import("../gateway/webhook-secrets.ts"),
    import("../gateway/gateway-store.ts"),
  ]);
  return { addWebhook, shownWebhook, openWebhookSecrets, openGatewayStore };
}

function typesOf(list: string | undefined): readonly OutputType[] | null {
  const named = (list ?? "").split(",").flatMap((part) => part.trim() || []);
  const known = TYPES.filter((type) => named.includes(type));
  return known.length === named.length ? known : null;
}

type Shown = ReturnType<Awaited<ReturnType<typeof modules>>["shownWebhook"]>;

function describe(webhooks: readonly Shown[]): string {
  if (webhooks.length === 0) return "There are no webhooks.";
  const rows = webhooks.map((one) => [
    one.id,
    one.reader,
    one.state,
    String(one.delivered),
    String(one.cursor),
    one.last_error ?? "",
    one.url,
  ]);
  return columns([["id", "reader", "state", "delivered", "at", "failing with", "url"], ...rows]);
}
