// Dexter: an agent that asks a tool over MCP, publishes what its model made of it, and pays for that by x402.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { privateKeyToAccount } from "viem/accounts";
// In a project of your own: from "engram-mcp".
import { DexterTools, dexterSettings, homeEnvironment, plainSubmission, verifyReceipt } from "../../src/index.ts";
import { startLocalSubnet } from "../sagebot/local-subnet.ts";
import { startToolServer } from "./tool-server.ts";
import { walletKey } from "./wallet-key.ts";

const { values } = parseArgs({ options: { home: { type: "string" } } });

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function dexter(home: string): Promise<void> {
  const environment = await homeEnvironment(home, process.env);
  const base = environment["XERIS_RELAY_URL"]?.replace(/\/relay$/, "");
  if (base === undefined) throw new Error(`no subnet runs on ${home}: start one with "engram up --home ${home}"`);

  // 1. A tool, called within limits. Without DEXTER_MCP_URL, Engram's own server stands in for Dexter's.
  await using standIn = environment["DEXTER_MCP_URL"] === undefined ? await startToolServer(home) : undefined;
  const limits = {
    DEXTER_TOOLS: "engram_intelligence",
    ...(standIn ? { DEXTER_MCP_URL: standIn.url } : {}),
    ...environment,
  };
  const settings = dexterSettings(limits);
  if (!settings) throw new Error("DEXTER_MCP_URL is not set");
  await using tools = new DexterTools(settings);
  const [tool = ""] = settings.tools;
  const answer = await tools.call(tool, JSON.parse(environment["DEXTER_ARGUMENTS"] ?? "{}") as Record<string, unknown>);
  say(`${tool} of ${settings.url} said ${answer.untrusted.length} characters, which are data and no instructions`);

  // 2. What a model made of it: here, that it was asked.
  const gateway = (await (await fetch(`${base}/v1/gateway`)).json()) as Gateway;
  const body = plainSubmission({
    ...{ netuid: gateway.netuid, block: gateway.finalized.number, blockHash: gateway.finalized.hash },
    output: {
      ...{ model: "dexter-example", model_version: "1", prompt: "What is new on Engram?" },
      completion: `I asked ${tool} and was ${answer.isError ? "refused" : "answered"}.`,
      tool_calls: tools.records,
    },
  });

  // 3. A plain HTTPS POST by a stock x402 client, which pays what it is asked for.
  const account = privateKeyToAccount(await walletKey(home));
  const pay = wrapFetchWithPayment(fetch, new x402Client().register("eip155:*", new ExactEvmScheme(account)));
  const request = { method: "POST", body, headers: { "content-type": "application/json" } };
  const reply = await pay(`${base}/relay`, request);
  const { signed_hash: hash, receipt: claimed } = (await reply.json()) as Accepted;
  const receipt = await verifyReceipt(claimed, gateway.hotkey, hash);
  say(`Receipt #${receipt.gateway_seq}, signed by ${gateway.hotkey}: assurance ${receipt.assurance}`);
  say(
    `Paid ${receipt.payment?.amount} millionths of a dollar by ${receipt.payment?.payer} in ${receipt.payment?.transaction}`,
  );
  const again = await pay(`${base}/relay`, request);
  const { status } = (await again.json()) as Accepted;
  say(`Sent again: ${status}, and nothing was paid`);
  if (reply.status !== 201 || status !== "duplicate") throw new Error("the gateway did not do what it says");
  for (const call of tools.records)
    say(`On record: ${call.tool}, arguments ${call.arguments_sha256}, result ${call.result_sha256}`);
}

interface Gateway {
  readonly hotkey: Parameters<typeof verifyReceipt>[1];
  readonly netuid: number;
  readonly finalized: { readonly number: number; readonly hash: string };
}

interface Accepted {
  readonly status: string;
  readonly signed_hash: string;
  readonly receipt: unknown;
}

async function main(): Promise<void> {
  const home = values.home ?? process.env["ENGRAM_HOME"];
  if (home !== undefined) return await dexter(home);
  const folder = await mkdtemp(join(tmpdir(), "dexter-"));
  try {
    say("Starting a subnet on this machine: chain, miners, validators, gateway and test dollars …");
    await using _ = await startLocalSubnet(folder);
    await dexter(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`dexter: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
