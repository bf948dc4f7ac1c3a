import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as Stdio1 } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as Http1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

/** Where a server is: a command to start, or an address. */
export type Place =
  | { readonly command: string; readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> }
  | { readonly url: string; readonly token?: string };

export const eras = ["auto", "legacy", "2026-07-28", "1.x"] as const;
export type Era = (typeof eras)[number];

export interface ToolAnswer {
  readonly isError: boolean;
  /** The structured content, or the failure a tool told. */
  readonly data: Record<string, unknown>;
  readonly text: string;
}

export interface McpSession extends AsyncDisposable {
  call(name: string, args?: Record<string, unknown>): Promise<ToolAnswer>;
  /** Both SDKs name their methods alike. */
  readonly client: Pick<
    Client,
    "listTools" | "listResources" | "listResourceTemplates" | "readResource" | "listPrompts" | "getPrompt" | "complete"
  >;
  readonly protocolVersion: string | undefined;
}

export type Asked = (message: string) => { action: "accept" | "decline" | "cancel"; content?: { allow: boolean } };

const identity = { name: "engram-test", version: "0" };

/** Connects a real client: the v2 SDK in one of its modes, or the 1.x SDK. `asked` answers questions to a person. */
export async function connect(place: Place, era: Era, asked?: Asked): Promise<McpSession> {
  return era === "1.x" ? connect1(place, asked) : connect2(place, era, asked);
}

async function connect2(place: Place, era: Exclude<Era, "1.x">, asked?: Asked): Promise<McpSession> {
  const mode = era === "auto" || era === "legacy" ? era : { pin: era };
  const capabilities = asked ? { elicitation: { form: {} } } : {};
  const client = new Client(identity, { versionNegotiation: { mode }, capabilities });
  if (asked) client.setRequestHandler("elicitation/create", async ({ params }) => asked(params.message));
  const transport =
    "url" in place
      ? new StreamableHTTPClientTransport(new URL("/mcp", place.url), headersOf(place))
      : new StdioClientTransport({ command: place.command, args: [...place.args], ...environmentOf(place) });
  await client.connect(transport);
  return {
    client,
    protocolVersion: client.getNegotiatedProtocolVersion(),
    call: async (name, args = {}) => answerOf(await client.callTool({ name, arguments: args })),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function connect1(place: Place, asked?: Asked): Promise<McpSession> {
  const client = new Client1(identity, { capabilities: asked ? { elicitation: { form: {} } } : {} });
  if (asked) {
    const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => asked(params.message));
  }
  const transport =
    "url" in place
      ? new Http1(new URL("/mcp", place.url), headersOf(place))
      : new Stdio1({ command: place.command, args: [...place.args], ...environmentOf(place) });
  // exactOptionalPropertyTypes: the 1.x transport types sessionId as string | undefined.
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return {
    client: client as unknown as McpSession["client"],
    protocolVersion: undefined,
    call: async (name, args = {}) => answerOf(await client.callTool({ name, arguments: args })),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function headersOf({ token }: { readonly token?: string }) {
  return token === undefined ? {} : { requestInit: { headers: { authorization: `Bearer ${token}` } } };
}

function environmentOf({ env }: { readonly env?: Readonly<Record<string, string>> }) {
  return env === undefined ? {} : { env: { PATH: process.env["PATH"] ?? "", ...env } };
}

function answerOf(result: unknown): ToolAnswer {
  const {
    isError = false,
    structuredContent,
    content,
  } = result as {
    isError?: boolean;
    structuredContent?: Record<string, unknown>;
    content: readonly { readonly text: string }[];
  };
  const text = content[0]?.text ?? "";
  return { isError, text, data: structuredContent ?? (parse(text) as Record<string, unknown>) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text };
  }
}
