import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type { MemoryClient } from "../client/memory.ts";
import type { GrantInfo, Invitation, Joined, Revoked, Sharing } from "../client/sharing/sharing.ts";
import { requireConsent, staysOnThisMachine } from "./consent.ts";
import { usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, openClient, run, settle, timeSpan, withClient } from "./kit.ts";
import { columns, count, print, say } from "./output.ts";
import { ago } from "./show.ts";
import { readStandardInput } from "./standard-input.ts";

/** Those of `engram namespaces` that let another wallet read a namespace. */
export function sharingCommands(): readonly Command[] {
  return [
    requestCommand(),
    inviteCommand(),
    joinCommand(),
    grantsCommand(),
    revokeCommand(),
    leaveCommand(),
    endCommand(),
  ];
}

function requestCommand(): Command {
  return dataCommand(
    "request",
    "print the address that others need to share a namespace with you; it is no secret",
  ).action((options: CommonOptions) =>
    withClient(options, async (client) => {
      const address = await sharingOf(client).address();
      await print(options.json === true, address, (shown) => shown.address);
    }),
  );
}

interface InviteOptions extends CommonOptions {
  readonly to: string;
  readonly expires?: number;
}

const INVITE_HELP = `
The code is good for seven days, once, and opens with that wallet alone. With it go the keys of what is in the namespace
now: a reader keeps what they have read, whatever you end later (docs/privacy.md).`;

function inviteCommand(): Command {
  return dataCommand("invite", "let another wallet read a private namespace: prints a code for its owner")
    .argument("<namespace>", "a private namespace of yours")
    .requiredOption("--to <address>", 'what "engram namespaces request" prints at the reader')
    .option("--expires <span>", 'how long the reader may read, as in "30d" (default: 90d)', timeSpan)
    .addHelpText("after", INVITE_HELP)
    .action((namespace: string, { to, expires, ...options }: InviteOptions) =>
      run(options, async () => {
        await using client = await openClient(options);
        const input = { namespace, to, ...(expires === undefined ? {} : { seconds: expires }) };
        const summary = `Let another wallet read all of ${JSON.stringify(namespace)}: its keys go to ${to}`;
        await agree(client, options, { command: "namespaces invite", input, summary });
        const invitation = await sharingOf(client).invite(input);
        const { journal } = await client.status();
        if (!options.json) say(describeInvitation(invitation, journal.pushes));
        await print(options.json === true, invitation, ({ code }) => code);
      }),
    );
}

const JOIN_HELP = `
The code is asked for, or read from standard input: as an argument, other programs and the shell's history would see it.`;

function joinCommand(): Command {
  return (
    dataCommand("join", "read a namespace that another wallet shares with you, by its code")
      .option("--as <name>", "what it is called here (default: as at its owner)")
      .addHelpText("after", JOIN_HELP)
      // Taken only to be refused in words of our own: the parser would print it back.
      .argument("[-]", "read the code from standard input")
      .action((given: string | undefined, options: CommonOptions & { readonly as?: string }) =>
        run(options, async () => {
          if (given !== undefined && given !== "-") {
            const fix = "Run the command without it; other programs and the shell's history have seen it now.";
            throw usageError("a code is never given as an argument", fix);
          }
          const code = given === "-" || !process.stdin.isTTY ? await readStandardInput("the code") : await askCode();
          await using client = await openClient(options);
          const joined = await sharingOf(client).join({
            code,
            ...(options.as === undefined ? {} : { as: options.as }),
          });
          await print(options.json === true, joined, describeJoined);
        }),
      )
  );
}

function grantsCommand(): Command {
  return dataCommand("grants", "show who may read which of your namespaces").action((options: CommonOptions) =>
    withClient(options, async (client) => {
      const grants = await sharingOf(client).grants();
      await print(options.json === true, { grants }, () => describeGrants(grants));
    }),
  );
}

const REVOKE_HELP = `
A new epoch of the namespace begins: what you store from now on is sealed under new keys, which the readers who stay find at
the miners by themselves. Who leaves keeps what they have read, and the keys of it.`;

function revokeCommand(): Command {
  return dataCommand("revoke", "end a reader's grant, or all of a namespace's; what is new is not for them")
    .argument("<namespace>", "a private namespace of yours")
    .argument("[reader]", "a reader's hotkey or a grant's id (default: all readers)")
    .addHelpText("after", REVOKE_HELP)
    .action((namespace: string, reader: string | undefined, options: CommonOptions) =>
      withClient(options, async (client) => {
        const revoked = await sharingOf(client).revoke({ namespace, ...(reader === undefined ? {} : { reader }) });
        await settle(client);
        await print(options.json === true, revoked, describeRevoked);
      }),
    );
}

function leaveCommand(): Command {
  return dataCommand("leave", "take a namespace that is shared with you off this machine")
    .argument("<namespace>", "as it is called here")
    .action((namespace: string, options: CommonOptions) =>
      withClient(options, async (client) => {
        await sharingOf(client).leave(namespace);
        await print(options.json === true, { namespace, left: true }, () => `${namespace} is off this machine`);
      }),
    );
}

function endCommand(): Command {
  return dataCommand("end", "forget a whole namespace here and at every miner, its grants and attestations with it")
    .argument("<namespace>", "a private namespace of yours")
    .action((namespace: string, options: CommonOptions) =>
      run(options, async () => {
        await using client = await openClient(options);
        const memories = await client.countForDelete({ namespace });
        const summary = `Forget ${JSON.stringify(namespace)} with ${count(memories, "memory", "memories")} for good`;
        await requireConsent(client, options, { command: "namespaces end", input: { namespace }, summary });
        // Here first: what is forgotten here is deleted from every holder, also from those that know no such word.
        await client.delete({ namespace });
        const ended = await sharingOf(client).end(namespace);
        await settle(client);
        await print(options.json === true, { namespace, memories, ...ended }, ({ miners, waiting }) => {
          const later = waiting.length === 0 ? "" : `; no answer from ${waiting.join(", ")}: run it again later`;
          return `forgot ${count(memories, "memory", "memories")}; ended at ${count(miners.length, "miner")}${later}`;
        });
      }),
    );
}

async function askCode(): Promise<string> {
  const { password } = await import("@clack/prompts");
  const answer = await password({ message: "The code (it is not shown)", output: process.stderr });
  if (typeof answer === "string") return answer;
  throw new EngramError("CONSENT_DECLINED", "nothing was joined", { fix: "Run the command again to join." });
}

async function agree(
  client: MemoryClient,
  options: CommonOptions,
  act: Parameters<typeof requireConsent>[2],
): Promise<void> {
  if (!(await staysOnThisMachine(client))) await requireConsent(client, options, act);
}

function sharingOf(client: MemoryClient): Sharing {
  if (client.sharing) return client.sharing;
  throw new EngramError("NO_MINERS", "no miner is known", { fix: "name miners in ENGRAM_MINERS" });
}

function describeInvitation({ namespace, reader, expiresAt, joinBy }: Invitation, pushes: number): string {
  const given = `${reader} may read ${JSON.stringify(namespace)} for ${span(expiresAt)}. The code below is for them alone and good for ${span(joinBy)}; they run "engram namespaces join".`;
  if (pushes === 0) return given;
  return `${given} Of your memories ${count(pushes, "record is", "records are")} still on the way to miners: a reader sees them when they are there.`;
}

function describeJoined({ namespace, owner, memories, miners, expiresAt }: Joined): string {
  const found =
    miners === 0 ? "no miner answered yet: its memories follow by themselves" : count(memories, "memory", "memories");
  return columns([
    ["namespace", namespace],
    ["shared by", owner],
    ["memories", found],
    ["until", new Date(expiresAt).toISOString()],
  ]);
}

function describeGrants(grants: readonly GrantInfo[]): string {
  if (grants.length === 0) return 'nobody reads your namespaces: "engram namespaces invite" lets somebody';
  return columns([
    ["namespace", "reader", "grant", "state", "given"],
    ...grants.map(({ namespace, reader, grant, state, issuedAt, expiresAt }) => [
      namespace,
      reader,
      grant,
      state === "valid" ? `valid for ${span(expiresAt)}` : state,
      ago(issuedAt),
    ]),
  ]);
}

function describeRevoked({ namespace, epoch, ended, readers, told, waiting }: Revoked): string {
  const later = waiting.length === 0 ? "" : `, ${count(waiting.length, "other")} when they answer`;
  return columns([
    ["namespace", `${namespace}, epoch ${epoch}: what you store from now on is sealed under new keys`],
    ["ended", count(ended.length, "grant")],
    ["stay", count(readers, "reader")],
    ["miners", `${count(told.length, "miner")} told${later}`],
  ]);
}

/** "30 days", of what `ago` tells as "in 30 days". */
function span(until: number): string {
  return ago(until).replace(/^in /, "");
}
