import type { CompleteRequest, McpServer } from "@modelcontextprotocol/server";
import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { visible } from "../node/runtime/visible-text.ts";
import type { Caller } from "./caller.ts";
import { publicFailure } from "./protocol-failure.ts";
import { memoryTemplate, relayTemplate } from "./resources.ts";
import { callerOf, type Shared } from "./shared.ts";
import type { ToolContext } from "./tool.ts";

/** The protocol's own limit for one answer. */
const maxValues = 100;
/** Ids are completed among the newest memories. */
const newest = 200;

const promptNames = ["recall", "remember_session", "brief_from_intelligence"];
/** Resources without arguments have nothing to complete. */
const plainResources = ["engram://status", "engram://namespaces", "engram://intelligence/latest"];

/**
 * Completes namespaces in prompts, ids in `engram://memory/{id}` and jobs in `engram://relay/{job}`. One handler instead of completable schemas: those
 * are shared by all callers, and every caller has namespaces of their own.
 */
export function registerCompletions(server: McpServer, shared: Shared): void {
  server.server.registerCapabilities({ completions: {} });
  server.server.setRequestHandler("completion/complete", (request, context) =>
    publicFailure(shared, async () => {
      const list = listOf(request.params);
      const caller = callerOf(context);
      const all = list ? await list(placeOf(shared, caller)) : [];
      const typed = request.params.argument.value.toLowerCase();
      const values = all.filter((value) => value.toLowerCase().startsWith(typed));
      return {
        completion: { values: values.slice(0, maxValues), total: values.length, hasMore: values.length > maxValues },
      };
    }),
  );
}

type Place = Pick<ToolContext, "client" | "relay" | "pinned">;
type Lister = (place: Place) => Promise<readonly string[]>;

function placeOf({ clients, relaying, options: { namespace } }: Shared, caller: Caller): Place {
  const place = { client: () => clients.of(caller), relay: relaying.of(caller) };
  return namespace === undefined ? place : { ...place, pinned: namespace };
}

function listOf({ ref, argument }: CompleteRequest["params"]): Lister | undefined {
  if (ref.type === "ref/prompt") {
    if (!promptNames.includes(ref.name)) throw unknown(`prompt ${ref.name}`);
    return argument.name === "namespace" ? namespaces : undefined;
  }
  if (ref.uri === memoryTemplate) return argument.name === "id" ? ids : undefined;
  if (ref.uri === relayTemplate) return argument.name === "job" ? jobs : undefined;
  if (plainResources.includes(ref.uri)) return undefined;
  throw unknown(`resource template ${ref.uri}`);
}

function unknown(what: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no ${what}`);
}

async function namespaces({ client, pinned }: Place): Promise<readonly string[]> {
  const all = await (await client()).namespaces();
  return all.map(({ name }) => visible(name)).filter((name) => pinned === undefined || name === pinned);
}

async function ids({ client, pinned }: Place): Promise<readonly string[]> {
  const chosen = pinned === undefined ? {} : { namespace: pinned };
  const { items } = await (await client()).list({ limit: newest, ...chosen });
  return items.map(({ id }) => id);
}

async function jobs({ relay }: Place): Promise<readonly string[]> {
  return ((await (await relay.books())?.latest(newest)) ?? []).map(({ job }) => job);
}
