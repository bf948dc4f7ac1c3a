import { randomUUID } from "node:crypto";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { EngramError, isEngramError } from "../../crypto/errors.ts";
import { type Clock, systemClock } from "../../node/runtime/clock.ts";
import { visible } from "../../node/runtime/visible-text.ts";
import type { DexterSettings } from "../../relay/dexter/dexter-settings.ts";
import { recordCall } from "../../relay/dexter/tool-record.ts";
import type { ToolCall } from "../../relay/payload/types.ts";
import type { SubmissionPayer } from "../../relay/payment/buyer-types.ts";
import { identity } from "../identity.ts";
import { cappedFetch } from "./capped-fetch.ts";
import { callPaying, type ToolReply } from "./pay-call.ts";

export interface DexterDeps {
  /** Absent: tools that cost money are refused. */
  readonly payer?: SubmissionPayer;
  readonly clock?: Clock;
}

/** What a tool said. It is data of a stranger's, never instructions. */
export interface DexterAnswer {
  readonly untrusted: string;
  readonly isError: boolean;
  /** Millionths of a dollar. */
  readonly paid: number;
}

const MAX_SHOWN = 16_384;

/**
 * Calls tools of an MCP server such as Dexter's: those that are listed alone, within a budget of calls, time and money,
 * and records each by hashes for the `tool_calls` of an inference output. The server is told nothing but the arguments,
 * can ask nothing (no sampling, no elicitation, no redirects), and its own lists and instructions are never read.
 *
 * Errors: `DEXTER_TOOL_REFUSED`, `DEXTER_BUDGET`, `DEXTER_UNREACHABLE`, `DEXTER_TOO_LARGE`, and those of paying.
 */
export class DexterTools implements AsyncDisposable {
  readonly #settings: DexterSettings;
  readonly #clock: Clock;
  readonly #payer: SubmissionPayer | undefined;
  readonly #records: ToolCall[] = [];
  #client: Promise<Client> | undefined;
  #begun = 0;
  #spent = 0;
  #tooLarge = false;
  readonly #since: number;

  constructor(settings: DexterSettings, { payer, clock = systemClock }: DexterDeps = {}) {
    this.#settings = settings;
    this.#payer = payer;
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** The calls so far, for an inference output. */
  get records(): readonly ToolCall[] {
    return this.#records;
  }

  async call(tool: string, args: Readonly<Record<string, unknown>>): Promise<DexterAnswer> {
    this.#admit(tool);
    const { url, maxSpend } = this.#settings;
    const startedAt = this.#clock.now();
    const signal = AbortSignal.timeout(Math.min(this.#settings.callMs, this.#left()));
    // From the moment a payment is handed out its money may move.
    const before = this.#spent;
    const note = (result: unknown, isError: boolean, paid: number) => {
      const durationMs = this.#clock.now() - startedAt;
      const { origin: server } = new URL(url);
      this.#records.push(recordCall({ server, tool, args, result, isError, startedAt, durationMs, paid }));
    };
    try {
      const payment = { request: randomUUID(), url, payer: this.#payer, most: maxSpend - this.#spent };
      const once = (meta: Readonly<Record<string, unknown>>) => this.#once(tool, args, meta, signal);
      const onPaid = (amount: number) => {
        this.#spent += amount;
      };
      const { reply, paid } = await callPaying(once, { tool, args, ...payment, onPaid });
      const { content, structuredContent, isError } = reply;
      note({ content, structuredContent: structuredContent ?? null }, isError, paid);
      return { untrusted: textOf(reply), isError, paid };
    } catch (error) {
      const known = isEngramError(error) ? error : this.#failure(error);
      note({ error: known.code }, true, this.#spent - before);
      throw known;
    }
  }

  #admit(tool: string): void {
    const { tools, maxCalls } = this.#settings;
    if (!tools.includes(tool)) {
      throw new EngramError("DEXTER_TOOL_REFUSED", "this tool is not one that may be called", {
        fix: "list it in DEXTER_TOOLS if that is wanted",
      });
    }
    if (this.#begun >= maxCalls || this.#left() <= 0) {
      throw new EngramError("DEXTER_BUDGET", "this run's calls or time are used up", {
        fix: "raise DEXTER_MAX_CALLS or DEXTER_MAX_SECONDS",
      });
    }
    this.#begun += 1;
  }

  #left(): number {
    return this.#since + this.#settings.maxMs - this.#clock.now();
  }

  async #once(
    name: string,
    args: Readonly<Record<string, unknown>>,
    _meta: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<ToolReply> {
    this.#client ??= this.#connect(signal);
    const client = await this.#client.catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    const timeout = this.#settings.callMs;
    const result = await client.callTool({ name, arguments: { ...args }, _meta: { ..._meta } }, { signal, timeout });
    const { isError = false, content, structuredContent, _meta: meta } = result;
    return { isError: isError === true, content, structuredContent, meta: { ...meta } };
  }

  async #connect(signal: AbortSignal): Promise<Client> {
    const { url, token, maxResultBytes, callMs } = this.#settings;
    const client = new Client({ name: identity.name, version: identity.version }, { capabilities: {} });
    const headers = token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` };
    const fetch = cappedFetch(maxResultBytes, () => {
      this.#tooLarge = true;
    });
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, fetch });
    await client.connect(transport, { signal, timeout: callMs });
    return client;
  }

  #failure(cause: unknown): EngramError {
    const tooLarge = this.#tooLarge;
    this.#tooLarge = false;
    if (tooLarge) {
      return new EngramError("DEXTER_TOO_LARGE", "the tool's answer is larger than is read", {
        fix: "ask for less, or raise DEXTER_MAX_RESULT_BYTES",
        cause,
      });
    }
    return new EngramError("DEXTER_UNREACHABLE", "the tool's server did not answer in time, or not as MCP says", {
      fix: "check DEXTER_MCP_URL",
      cause,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.close().catch(() => undefined);
  }
}

/** The texts of an answer, without characters that hide others. */
function textOf({ content }: ToolReply): string {
  const parts = Array.isArray(content) ? (content as readonly unknown[]) : [];
  const texts = parts.flatMap((part) =>
    typeof part === "object" && part !== null && "text" in part && typeof part.text === "string" ? part.text : [],
  );
  return visible(texts.join("\n").slice(0, MAX_SHOWN));
}
