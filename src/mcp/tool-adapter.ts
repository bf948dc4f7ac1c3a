import { randomUUID } from "node:crypto";
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
  type StandardSchemaWithJSON,
} from "@modelcontextprotocol/server";
import { inSpan, isTracing, type OpenSpan, type TraceOrigin } from "../node/runtime/tracing.ts";
import { formatMicroDollars } from "../relay/payment/micro-dollars.ts";
import type { Caller } from "./caller.ts";
import { type ConsentAnswer, ConsentQuestion, createConsentGate } from "./consent.ts";
import { PaymentRequired } from "./payments/payment-required.ts";
import type { PriceList } from "./payments/price-list.ts";
import type { JsonSchema } from "./portable-schema.ts";
import type { CallOutcome } from "./server-options.ts";
import { callerOf, type ListedTool, type SealedQuestion, type Shared } from "./shared.ts";
import type { Tool, ToolContext } from "./tool.ts";
import { describeFailure } from "./tool-result.ts";

const questionKey = "consent";

export function listTool(tool: Tool, list?: PriceList): ListedTool {
  const { title, description, annotations, inputSchema, outputSchema } = tool;
  const price = list?.prices.get(tool.name);
  const config = { title, description, annotations, inputSchema: shown(inputSchema) };
  if (list === undefined || price === undefined)
    return { tool, config: { ...config, outputSchema: shown(outputSchema) } };
  const { token, payTo } = list.settlement;
  return {
    tool,
    config: {
      ...config,
      description: `${description} Costs ${formatMicroDollars(price)} a call (x402).`,
      // 1.x clients hold what asks for a payment against it.
      outputSchema: shown({ type: "object" }),
      _meta: { "engram/price": { micro_usd: price, network: token.network, asset: token.asset, pay_to: payTo } },
    },
  };
}

/**
 * A schema that is shown and not applied: `tool.run` parses strictly itself, with errors that say what to do, and what
 * a handler returns is ours and checked by the tests.
 */
function shown(json: JsonSchema): StandardSchemaWithJSON {
  const convert = () => ({ ...json });
  return {
    "~standard": {
      version: 1,
      vendor: "engram",
      validate: (value) => ({ value }),
      jsonSchema: { input: convert, output: convert },
    },
  };
}

export function registerTools(server: McpServer, shared: Shared): void {
  for (const { tool, config } of shared.tools) {
    server.registerTool(tool.name, config, (args, context) => call(server, shared, tool, args, context));
  }
  if (shared.options.prices?.encoding === "error") tellByErrors(server, shared);
}

/** The SDK makes a result of every error that a tool throws; this lets JSON-RPC error 402 through. */
function tellByErrors(server: McpServer, shared: Shared): void {
  server.server.setRequestHandler("tools/call", async ({ params }, context) => {
    const listed = shared.tools.find(({ tool }) => tool.name === params.name);
    if (!listed) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Tool ${params.name} not found`);
    try {
      return await call(server, shared, listed.tool, params.arguments, context);
    } catch (error) {
      if (error instanceof PaymentRequired) throw new ProtocolError(402, error.message, error.terms);
      throw error;
    }
  });
}

type Called = Promise<CallToolResult | InputRequiredResult>;

function call(server: McpServer, shared: Shared, tool: Tool, args: unknown, context: ServerContext): Called {
  if (!isTracing()) return answer(server, shared, tool, args, context);
  const attributes = { "mcp.method.name": "tools/call", "gen_ai.tool.name": tool.name };
  const span = { name: `tools/call ${tool.name}`, kind: "server", attributes, origin: originOf(context) } as const;
  return inSpan(span, (open) => answer(server, shared, tool, args, context, open));
}

/** The trace that the call names in its `_meta`, else the HTTP request it came in. Who only pays is a stranger. */
function originOf(context: ServerContext): TraceOrigin | undefined {
  const own = callerOf(context).kind !== "anonymous";
  const meta: Readonly<Record<string, unknown>> = context.mcpReq._meta ?? {};
  if (typeof meta["traceparent"] === "string") return { carrier: { get: (name) => meta[name] }, own };
  const headers = context.http?.req?.headers;
  return headers && { carrier: headers, own };
}

async function answer(
  server: McpServer,
  shared: Shared,
  tool: Tool,
  args: unknown,
  context: ServerContext,
  span?: OpenSpan,
): Called {
  const began = performance.now();
  const ended = (outcome: CallOutcome) => {
    span?.set({ "engram.outcome": outcome });
    if (outcome === "failed") span?.fail("INTERNAL");
    shared.deps.onCall?.(tool.name, outcome, (performance.now() - began) / 1_000);
  };
  try {
    const result = await run(server, shared, tool, args, context);
    ended(result.isError === true ? "refused" : "ok");
    return result;
  } catch (error) {
    if (error instanceof ConsentQuestion) {
      ended("asked");
      return ask(error, shared, context);
    }
    if (error instanceof PaymentRequired) {
      ended("unpaid");
      throw error;
    }
    const failure = describeFailure(error);
    ended(failure.code === "INTERNAL" ? "failed" : "refused");
    if (failure.code === "INTERNAL") logInternal(shared, tool.name, error);
    // In the text alone: 1.x clients check structured content against the output schema even when it is an error.
    return { isError: true, content: [{ type: "text", text: JSON.stringify(failure) }] };
  }
}

async function run(
  server: McpServer,
  shared: Shared,
  tool: Tool,
  args: unknown,
  context: ServerContext,
): Promise<CallToolResult> {
  context.mcpReq.signal.throwIfAborted();
  const till = context.http === undefined ? undefined : await shared.till;
  const ready = toolContext(server, shared, context);
  if (till?.priceOf(tool.name) !== undefined) {
    // Loads the codecs of payments, which a server that sells nothing has no use for.
    const { sellCall } = await import("./payments/sell-call.ts");
    const onInternal = (error: unknown) => logInternal(shared, tool.name, error);
    return await sellCall(till, { tool, args, meta: context.mcpReq._meta, context: ready, onInternal });
  }
  const structuredContent = { ...(await tool.run(args, ready)) };
  return { structuredContent, content: [{ type: "text", text: JSON.stringify(structuredContent) }] };
}

/** The stack names our code; the message could quote a memory, and is told at debug alone. */
function logInternal(shared: Shared, tool: string, error: unknown): void {
  const { name, stack = "", message } = error instanceof Error ? error : new Error(String(error));
  const frames = stack.split("\n").filter((line) => line.trimStart().startsWith("at "));
  shared.deps.log.error({ tool, error: name, frames: frames.slice(0, 8) }, "a tool failed inside");
  shared.deps.log.debug({ tool, reason: message }, "why a tool failed inside");
}

function toolContext(server: McpServer, shared: Shared, context: ServerContext): ToolContext {
  const caller: Caller = callerOf(context);
  const client = () => shared.clients.of(caller);
  const answer = answerIn(shared, context);
  const { namespace, consent } = shared.options;
  const anonymous = caller.kind === "anonymous";
  return {
    client,
    anonymous,
    relay: shared.relaying.of(caller),
    mayReadFiles: context.http === undefined,
    session: shared.sessions.of(caller),
    signal: context.mcpReq.signal,
    now: shared.deps.now,
    consent: createConsentGate({
      // No person of the server's sits with those who only pay: the operator's price is the standing rule.
      rules: anonymous ? { relay: "allow", ...consent } : consent,
      client,
      canAsk: canAsk(server, context),
      ...(answer ? { answer } : {}),
    }),
    ...(namespace === undefined ? {} : { pinned: namespace }),
  };
}

/** Whether the client declared that it can show a form: at `initialize`, or with this request since 2026-07-28. */
function canAsk(server: McpServer, { mcpReq: { envelope } }: ServerContext): boolean {
  // The SDK checked the envelope before it called us, and types its keys loosely.
  const declared = Object.entries(envelope ?? {}).find(([key]) => key === CLIENT_CAPABILITIES_META_KEY)?.[1];
  const capabilities = (declared as ClientCapabilities | undefined) ?? server.server.getClientCapabilities();
  const elicitation = capabilities?.elicitation;
  return elicitation !== undefined && (elicitation.form !== undefined || Object.keys(elicitation).length === 0);
}

async function ask(question: ConsentQuestion, shared: Shared, context: ServerContext): Promise<InputRequiredResult> {
  const sealed: SealedQuestion = { argumentsHash: question.argumentsHash, nonce: randomUUID() };
  return inputRequired({
    inputRequests: {
      [questionKey]: inputRequired.elicit({
        message: question.summary,
        requestedSchema: {
          type: "object",
          properties: { allow: { type: "boolean", title: "Allow this", default: false } },
          required: ["allow"],
        },
      }),
    },
    requestState: await shared.questions.mint(sealed, context),
  });
}

/** A person's answer, if this call brings one under a seal of ours that was not used before. */
function answerIn(shared: Shared, context: ServerContext): ConsentAnswer | undefined {
  const sealed = context.mcpReq.requestState<SealedQuestion>();
  const response = inputResponse(context.mcpReq.inputResponses, questionKey);
  if (sealed === undefined || response.kind !== "elicit") return undefined;
  if (shared.answered.has(sealed.nonce)) return undefined;
  shared.answered.set(sealed.nonce, true);
  const allowed = response.action === "accept" && response.content?.["allow"] === true;
  return { argumentsHash: sealed.argumentsHash, allowed };
}
