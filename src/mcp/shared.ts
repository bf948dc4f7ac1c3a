import type { RequestStateCodec, StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import type { LRUCache } from "lru-cache";
import type { Caller, Clients } from "./caller.ts";
import type { ConsentAnswer } from "./consent.ts";
import type { Till } from "./payments/till.ts";
import type { Relaying } from "./relaying.ts";
import type { ServerDeps, ServerOptions } from "./server-options.ts";
import type { Sessions } from "./sessions.ts";
import type { Tool } from "./tool.ts";

/** A tool with its schemas in the SDK's form. */
export interface ListedTool {
  readonly tool: Tool;
  readonly config: {
    readonly title: string;
    readonly description: string;
    readonly inputSchema: StandardSchemaWithJSON;
    readonly outputSchema: StandardSchemaWithJSON;
    readonly annotations: Tool["annotations"];
    readonly _meta?: Record<string, unknown>;
  };
}

/** What every connection or HTTP request shares: schemas, clients, seals. A factory call only registers. */
export interface Shared {
  readonly options: ServerOptions;
  readonly deps: ServerDeps;
  readonly clients: Clients;
  readonly relaying: Relaying;
  readonly sessions: Sessions;
  readonly tools: readonly ListedTool[];
  /** What takes the money of priced calls, once the server listens. */
  readonly till?: Promise<Till>;
  /** Seals a question to a person, so that a client cannot bring back an answer to one that was never asked. */
  readonly questions: RequestStateCodec<SealedQuestion>;
  /** Nonces of answered questions: an answer counts once. */
  readonly answered: LRUCache<string, true>;
}

export interface SealedQuestion extends Pick<ConsentAnswer, "argumentsHash"> {
  readonly nonce: string;
}

interface AuthOfCall {
  readonly clientId: string;
  readonly scopes: readonly string[];
}

/** The scope of those who sent no token to a server that sells. */
const ANONYMOUS = "anonymous";

/** How a transport says that a caller is nobody but who pays. */
export const anonymousAuth = { token: "", clientId: "", scopes: [ANONYMOUS] };

export function isAnonymous(auth: AuthOfCall | undefined): boolean {
  return auth?.scopes.includes(ANONYMOUS) === true;
}

/** Whose call this is; the transport verified the token and names the principal. */
export function callerOf(context: { readonly http?: { readonly authInfo?: AuthOfCall } }): Caller {
  if (isAnonymous(context.http?.authInfo)) return { kind: "anonymous" };
  const name = context.http?.authInfo?.clientId;
  return name === undefined ? { kind: "home" } : { kind: "principal", name };
}
