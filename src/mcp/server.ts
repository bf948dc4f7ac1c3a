import { randomBytes } from "node:crypto";
import { createRequestStateCodec, McpServer, type McpServerFactory } from "@modelcontextprotocol/server";
import { LRUCache } from "lru-cache";
import { EngramError } from "../crypto/errors.ts";
import { ReleaseStack } from "../node/runtime/release-stack.ts";
import { PerCaller } from "./caller.ts";
import { registerCompletions } from "./completions.ts";
import { identity } from "./identity.ts";
import { instructions } from "./instructions.ts";
import { isForPayers } from "./payments/payers-tools.ts";
import type { Till } from "./payments/till.ts";
import { registerPrompts } from "./prompts.ts";
import { Relaying } from "./relaying.ts";
import { registerResources } from "./resources.ts";
import { resumeWork } from "./resume.ts";
import type { ServerDeps, ServerOptions } from "./server-options.ts";
import { Sessions } from "./sessions.ts";
import { isAnonymous, type SealedQuestion, type Shared } from "./shared.ts";
import type { Tool } from "./tool.ts";
import { listTool, registerTools } from "./tool-adapter.ts";
import { allTools } from "./tools/index.ts";

/** How long a person may think about a question (design: consent). */
const consentSeconds = 300;

const listsStay = { ttlMs: 300_000, cacheScope: "public" } as const;
const cacheHints = {
  "tools/list": listsStay,
  "prompts/list": listsStay,
  "resources/list": listsStay,
  "resources/templates/list": listsStay,
  "server/discover": listsStay,
};

export interface EngramServer extends AsyncDisposable {
  readonly factory: McpServerFactory;
}

/** Prepares the server once; `factory` then makes an instance per connection (stdio) or per request (HTTP). */
export function createEngramServer(options: ServerOptions, deps: ServerDeps, till?: Promise<Till>): EngramServer {
  const clients = new PerCaller(deps.openClient);
  const relaying = new Relaying(deps.relaying);
  const shared: Shared = {
    options,
    deps,
    clients,
    relaying,
    sessions: new Sessions(new Date(deps.now())),
    tools: chooseTools(options).map((tool) => listTool(tool, options.prices)),
    ...(till ? { till } : {}),
    questions: createRequestStateCodec<SealedQuestion>({
      key: randomBytes(32),
      ttlSeconds: consentSeconds,
      bind: (context) => `${context.mcpReq.method}\0${context.http?.authInfo?.clientId ?? ""}`,
    }),
    answered: new LRUCache({ max: 10_000, ttl: consentSeconds * 1000 }),
  };
  const resuming = resumeWork(clients, relaying, deps);
  return {
    factory: ({ authInfo }) => (isAnonymous(authInfo) ? buildForPayers(shared) : build(shared)),
    [Symbol.asyncDispose]: async () => {
      // In reverse: what relays ends before the memories it may speak of.
      await using stack = new ReleaseStack();
      stack.use(clients);
      stack.use(relaying);
      stack.use(resuming);
    },
  };
}

/** For callers who only pay: public tools, and nothing of anybody's memories. */
function buildForPayers(shared: Shared): McpServer {
  const server = new McpServer(identity, {
    requestState: { verify: shared.questions.verify },
    capabilities: { tools: { listChanged: false } },
  });
  const sold = new Set(shared.options.prices?.prices.keys());
  registerTools(server, { ...shared, tools: shared.tools.filter(({ tool }) => isForPayers(tool, sold)) });
  return server;
}

function build(shared: Shared): McpServer {
  const server = new McpServer(identity, {
    instructions,
    cacheHints,
    requestState: { verify: shared.questions.verify },
    inputRequired: { roundTimeoutMs: consentSeconds * 1000 },
    // The lists never change while a server runs.
    capabilities: { tools: { listChanged: false }, resources: { listChanged: false }, prompts: { listChanged: false } },
  });
  registerTools(server, shared);
  registerResources(server, shared);
  registerPrompts(server, shared);
  registerCompletions(server, shared);
  server.server.onerror = (error) => shared.deps.log.debug({ reason: error.message }, "a message was refused");
  return server;
}

/** The tools this server shows. Throws `EngramError` for a name that no tool has. */
function chooseTools({ tools, readOnly }: ServerOptions): readonly Tool[] {
  const unknown = tools?.find((name) => !allTools.some((tool) => tool.name === fullName(name)));
  if (unknown !== undefined) {
    throw new EngramError("TOOL_UNKNOWN", `There is no tool ${JSON.stringify(unknown)}`, {
      fix: `Tools are: ${allTools.map(({ name }) => name).join(", ")}.`,
    });
  }
  const named = tools?.map(fullName);
  return allTools.filter(
    (tool) => (named === undefined || named.includes(tool.name)) && (!readOnly || tool.annotations.readOnlyHint),
  );
}

function fullName(name: string): string {
  return name.startsWith("engram_") ? name : `engram_${name}`;
}
