import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { OpenClient } from "../../src/mcp/caller.ts";
import type { OpenRelaying } from "../../src/mcp/relaying.ts";
import type { ServerDeps, ServerLog, ServerOptions } from "../../src/mcp/server-options.ts";
import type { TokenEntry } from "../../src/mcp/tokens.ts";
import { type HttpOptions, type McpHttpServer, serveOverHttp } from "../../src/mcp/transports/http.ts";
import { FakeMemoryClient } from "./fake-memory-client.ts";

const noLog = { error: () => undefined, debug: () => undefined };

export interface TestServerOptions extends Partial<ServerOptions> {
  readonly openClient?: OpenClient;
  readonly tokens?: readonly TokenEntry[];
  readonly http?: Partial<HttpOptions>;
  readonly now?: () => number;
  readonly relaying?: OpenRelaying;
  readonly log?: ServerLog;
  readonly openTill?: NonNullable<ServerDeps["openTill"]>;
}

/** The shipped server over HTTP on a free loopback port, by default on a `FakeMemoryClient`. */
export async function serveForTest(
  options: TestServerOptions = {},
): Promise<McpHttpServer & { fake: FakeMemoryClient }> {
  const {
    openClient,
    tokens = [],
    http = {},
    now = () => Date.now(),
    relaying,
    log = noLog,
    openTill,
    ...server
  } = options;
  const fake = new FakeMemoryClient({ now });
  const served = await serveOverHttp(
    { consent: {}, ...server },
    { hostname: "127.0.0.1", port: 0, tokens: async () => tokens, rate: { burst: 1e6, perSecond: 1e6 }, ...http },
    {
      openClient: openClient ?? (async () => fake),
      log,
      now,
      ...(relaying ? { relaying } : {}),
      ...(openTill ? { openTill } : {}),
    },
  );
  return { ...served, fake, [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() };
}

/** How to start the shipped server over stdio on a fake client: `ENGRAM_CONSENT` and the chain's identity. */
export function fakeOverStdio(consent = "", chain = "local:test") {
  const script = fileURLToPath(new URL("./fake-mcp-server.ts", import.meta.url));
  return { command: process.execPath, args: [script, consent, chain] };
}

/** An empty folder that is gone when disposed. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "engram-mcp-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
