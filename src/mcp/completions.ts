import type { CompleteRequest, McpServer } from "@modelcontextprotocol/server";
import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import type { MemoryClient } from "../node/client/memory.ts";
import { visible } from "../node/runtime/visible-text.ts";
import { publicFailure } from "./protocol-failure.ts";
import { memoryTemplate } from "./resources.ts";
import { callerOf, type Shared } from "./shared.ts";

/** The protocol's own limit for one answer. */
const maxValues = 100;
/** Ids are completed among the newest memories. */
const newest = 200;

const promptNames = ["recall", "remember_session"];

/**
 * Completes namespaces in prompts and ids in `engram://memory/{id}`. One handler instead of completable schemas: those
 * are shared by all callers, and every caller has namespaces of their own.
 */
export function registerCompletions(server: McpServer, shared: Shared): void {
  server.server.registerCapabilities({ completions: {} });
  server.server.setRequestHandler("completion/complete", (request, context) =>
    publicFailure(shared, async () => {
      const list = listOf(request.params);
      const all = list ? await list(await shared.clients.of(callerOf(context)), shared.options.namespace) : [];
      const typed = request.params.argument.value.toLowerCase();
      const values = all.filter((value) => value.toLowerCase().startsWith(typed));
      return {
        completion: { values: values.slice(0, maxValues), total: values.length, hasMore: values.length > maxValues },
      };
    }),
  );
}

type Lister = (client: MemoryClient, pinned: string | undefined) => Promise<readonly string[]>;

function listOf({ ref, argument }: CompleteRequest["params"]): Lister | undefined {
  if (ref.type === "ref/prompt") {
    if (!promptNames.includes(ref.name)) throw unknown(`prompt ${ref.name}`);
    return argument.name === "namespace" ? namespaces : undefined;
  }
  if (ref.uri === memoryTemplate) return argument.name === "id" ? ids : undefined;
  if (ref.uri === "engram://status" || ref.uri === "engram://namespaces") return undefined;
  throw unknown(`resource template ${ref.uri}`);
}

function unknown(what: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no ${what}`);
}

async function namespaces(client: MemoryClient, pinned: string | undefined): Promise<readonly string[]> {
  const all = await client.namespaces();
  return all.map(({ name }) => visible(name)).filter((name) => pinned === undefined || name === pinned);
}

async function ids(client: MemoryClient, pinned: string | undefined): Promise<readonly string[]> {
  const { items } = await client.list({ limit: newest, ...(pinned === undefined ? {} : { namespace: pinned }) });
  return items.map(({ id }) => id);
}
