// SageBot reads what others published on Engram, believes none of it unchecked, and prints what it would tell its model.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
// In a project of your own: from "engram-mcp".
import {
  type CheckedItem,
  type CheckedPayment,
  createLogger,
  fenceIntelligence,
  homeEnvironment,
  type IntelligenceReader,
  isRefused,
  openChain,
  openIntelligence,
  verifyReceiptChain,
} from "../../src/index.ts";
import { askOverMcp } from "./ask-mcp.ts";
import { startLocalSubnet } from "./local-subnet.ts";

/** The first ranking takes a round of the validators, their agreement, finality and the payment. */
const PATIENCE_MS = 180_000;
const CONTEXT_CHARS = 4_000;

const { values } = parseArgs({ options: { home: { type: "string" } } });

function say(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** Reads in all three ways, and checks that they tell the same. */
async function sagebot(home: string): Promise<void> {
  const environment = await homeEnvironment(home, process.env);
  const setting = environment["ENGRAM_CHAIN"];
  if (setting === undefined) throw new Error(`no subnet runs on ${home}: start one with "engram up --home ${home}"`);
  await using chain = openChain(setting, home);
  const reader = await openIntelligence(environment, { chain, log: createLogger({ level: "error" }) });
  say(`SageBot reads ${reader.gateway.url} on ${await chain.identity()}`);

  const first = await waitForNews(reader);
  say("\nBy stream: the first item a quorum of validators stands behind");
  describe(first);

  const { items, refused } = await reader.read({ after: first.seq - 1 }, AbortSignal.timeout(PATIENCE_MS));
  say(`\nBy pull: ${items.length} item(s), ${refused.length} refused`);
  for (const item of items) describe(item);
  for (const { seq, problem } of refused) say(`  #${seq} refused: ${problem}`);

  await checkReceipts(items, reader);

  const overMcp = await askOverMcp(home, first.seq - 1);
  say(`\nBy MCP: engram_intelligence names ${overMcp.length} item(s)`);
  if (items[0]?.id !== first.id || overMcp[0] !== first.id) throw new Error("the three ways do not tell the same");
  say("  The first is the same in all three ways.");

  say("\nWhat SageBot would give its model:\n");
  say(fenceIntelligence(items, CONTEXT_CHARS));
}

/** The feed's first verified item, waited for when there is none yet. */
async function waitForNews(reader: IntelligenceReader): Promise<CheckedItem> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  for await (const item of reader.follow({ after: 0 }, signal)) {
    if (!isRefused(item)) return item;
    say(`  #${item.seq} refused: ${item.problem}`);
  }
  throw new Error(`nothing was published within ${PATIENCE_MS / 1_000} s`);
}

/** The reader checked each receipt; together they show that the gateway left nothing out in between. */
async function checkReceipts(items: readonly CheckedItem[], { gateway }: IntelligenceReader): Promise<void> {
  const receipts = items.map(({ receipt }) => receipt);
  const inRow = receipts.filter(({ gateway_seq: seq }, index) => seq === (receipts[0]?.gateway_seq ?? 0) + index);
  await verifyReceiptChain(inRow, gateway.hotkey);
  say(
    `  Receipts ${inRow.map(({ gateway_seq: seq }) => `#${seq}`).join(", ")}: one chain, signed by ${gateway.hotkey}`,
  );
}

/** What was checked of an item. */
function describe({ seq, id, outputType, block, author, quorum, cosigners, payment }: CheckedItem): void {
  say(`  #${seq} ${outputType} of the final block ${block}, signed hash ${id}`);
  say(`     author      ${author}`);
  say(`     co-signed   ${cosigners.join(", ")}`);
  say(`     quorum      ${quorum?.votes} validators of different owners, ${quorum?.needed} are needed`);
  say(`     paid        ${payment === null ? "nothing: this gateway is free" : paid(payment)}`);
}

function paid({ amount, payer, network, transaction, settled }: CheckedPayment): string {
  return `${amount} millionths of a dollar by ${payer}, ${settled ? "found on" : "said to be on"} ${network} in ${transaction}`;
}

async function main(): Promise<void> {
  const home = values.home ?? process.env["ENGRAM_HOME"];
  if (home !== undefined) return await sagebot(home);
  const folder = await mkdtemp(join(tmpdir(), "sagebot-"));
  try {
    say("Starting a subnet on this machine: chain, miners, validators, gateway and test dollars …");
    await using _ = await startLocalSubnet(folder);
    await sagebot(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`sagebot: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
