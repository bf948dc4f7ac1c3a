import { Command, InvalidArgumentError } from "commander";
import type { CommonOptions } from "../node/commands/kit.ts";
import { hookCommand } from "./commands/hook.ts";
import { installCommand } from "./commands/install.ts";
import type { ServerMetrics } from "./serve-mcp-metrics.ts";
import type { ServerDeps, ServerOptions } from "./server-options.ts";

interface McpOptions extends CommonOptions {
  readonly http?: boolean;
  readonly port?: number;
  readonly host: string;
  readonly allowHost?: readonly string[];
  readonly readOnly?: boolean;
  readonly tools?: readonly string[];
  readonly namespace?: string;
}

const defaultPort = 4310;

/** How long stopping may take before the process leaves anyway. */
const stopMs = 8_000;

/** `engram mcp`: the MCP server over stdio, or over HTTP with `--http`; and `engram mcp token`. */
export function mcpCommand(): Command {
  return new Command("mcp")
    .description("serve memory to agents over MCP: on stdio, or over HTTP with --http")
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--http", "serve Streamable HTTP at /mcp instead of stdio")
    .option("--port <number>", `listen there (default: ${defaultPort}; implies --http)`, port)
    .option("--host <address>", "listen on this address; beyond loopback tokens are required", "127.0.0.1")
    .option("--allow-host <names>", "names by which clients may address this server, separated by commas", words)
    .option("--read-only", "hide the tools that change something")
    .option("--tools <names>", "show these tools alone, separated by commas", words)
    .option("--namespace <name>", "work in this namespace alone")
    .addHelpText("after", environmentHelp)
    .action(serve)
    .addCommand(tokenCommand())
    .addCommand(installCommand())
    .addCommand(hookCommand());
}

const environmentHelp = `
Environment:
  ENGRAM_CONSENT    standing rules for acts that need a person, separated by commas:
                    public, delete, keys, relay (publish at a gateway, and pay for it),
                    repeat (publish words of private memories) and archive (keep a file on Arweave for ever, and pay for it), each
                    =allow, =ask or =deny; without a rule a person is asked, but for
                    all except delete and repeat on a local chain where miners, gateways and
                    payment chain are all on this machine
  ENGRAM_MCP_PRICES what calls cost over HTTP, as in engram_relay_submit=0.01; who sends
                    no token then pays, and gets public tools alone (docs/payments.md)
  ENGRAM_ADMIN_PORT /metrics, /health and /ready beside HTTP, on ENGRAM_ADMIN_HOST (default: 127.0.0.1)
  OTEL_EXPORTER_OTLP_ENDPOINT  send traces there, OTLP over HTTP, like http://127.0.0.1:4318 (docs/operations.md)
  ENGRAM_LOG_LEVEL  fatal, error (default), warn, info, debug or silent; logs go to stderr`;

async function serve(options: McpOptions): Promise<void> {
  const { run } = await import("../node/commands/kit.ts");
  await run(options, async () => {
    const stop = stopOnSignals();
    const isHttp = options.http === true || options.port !== undefined;
    await using operator = isHttp ? await openOperator(options) : undefined;
    const { server, deps } = await prepare(options, operator?.metrics);
    await using _traces = await openTraces(deps);
    if (isHttp) await serveHttp(options, server, deps, stop);
    else {
      const { serveOverStdio } = await import("./transports/stdio.ts");
      await serveOverStdio(server, deps, stop);
    }
  });
}

/** The operator's listener, where one is asked for; nothing of it is loaded before. */
async function openOperator(options: McpOptions) {
  if ((process.env["ENGRAM_ADMIN_PORT"] ?? "") === "") return undefined;
  const [{ serverMetrics, serveMcpMetrics }, { operatorAddressOf }, { readEnvironment }, { homeOf }] =
    await Promise.all([
      import("./serve-mcp-metrics.ts"),
      import("../node/runtime/operator-listener.ts"),
      import("../node/runtime/config.ts"),
      import("../node/commands/open-client.ts"),
    ]);
  const { adminPort, adminHost } = operatorAddressOf(readEnvironment());
  if (adminPort === undefined) return undefined;
  const metrics = serverMetrics(await homeOf(options.home));
  const listening = await serveMcpMetrics(metrics, adminPort, adminHost);
  process.stderr.write(`Metrics at ${listening.url}/metrics\n`);
  return { metrics, [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose]() };
}

/** Traces, where a collector is named; nothing of them is loaded before. Memory is served whatever is wrong with them. */
async function openTraces({ log }: ServerDeps): Promise<AsyncDisposable | undefined> {
  const names = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
  if (names.every((name) => (process.env[name] ?? "") === "")) return undefined;
  const [{ startTraces }, { traceConfigOf }, { readEnvironment }] = await Promise.all([
    import("../node/runtime/start-traces.ts"),
    import("../node/runtime/config-traces.ts"),
    import("../node/runtime/config.ts"),
  ]);
  try {
    return await startTraces(traceConfigOf(readEnvironment()), { part: "engram-mcp", warn: log.error });
  } catch (error) {
    log.error({ reason: error instanceof Error ? error.message : "unknown" }, "this server runs without traces");
    return undefined;
  }
}

async function prepare(
  options: McpOptions,
  metrics: ServerMetrics | undefined,
): Promise<{ readonly server: ServerOptions; readonly deps: ServerDeps }> {
  const [{ parseConsentRules }, { privateName }, { lazyDeps }] = await Promise.all([
    import("./consent.ts"),
    import("../node/client/memory-input.ts"),
    import("./lazy-deps.ts"),
  ]);
  const isHttp = options.http === true || options.port !== undefined;
  const prices = isHttp ? await pricesOf() : undefined;
  const server: ServerOptions = {
    consent: parseConsentRules(process.env["ENGRAM_CONSENT"] ?? ""),
    ...(options.readOnly ? { readOnly: true } : {}),
    ...(prices ? { prices } : {}),
    ...(options.tools ? { tools: options.tools } : {}),
    ...(options.namespace === undefined ? {} : { namespace: privateName(options.namespace) }),
  };
  return { server, deps: lazyDeps(options.home, process.env["ENGRAM_LOG_LEVEL"] ?? "error", metrics) };
}

/** What calls cost; nothing is loaded where the environment names no price. */
async function pricesOf(): Promise<ServerOptions["prices"]> {
  if ((process.env["ENGRAM_MCP_PRICES"] ?? "") === "") return undefined;
  const [{ readPriceList }, { readEnvironment }] = await Promise.all([
    import("./payments/price-list.ts"),
    import("../node/runtime/config.ts"),
  ]);
  return readPriceList(readEnvironment());
}

async function serveHttp(
  options: McpOptions,
  server: ServerOptions,
  deps: ServerDeps,
  stop: AbortSignal,
): Promise<void> {
  const [{ serveOverHttp }, { watchTokens }, { homeOf }] = await Promise.all([
    import("./transports/http.ts"),
    import("./token-source.ts"),
    import("../node/commands/open-client.ts"),
  ]);
  const http = {
    hostname: options.host,
    port: options.port ?? defaultPort,
    tokens: watchTokens(await homeOf(options.home), deps.now),
    ...(options.allowHost ? { allowedHosts: options.allowHost } : {}),
  };
  await using listening = await serveOverHttp(server, http, deps);
  process.stderr.write(`MCP at ${listening.url}/mcp\n`);
  if (!stop.aborted) await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
}

/** Aborts on the first signal; whoever sends a second one, or waits too long, wants the process gone. */
function stopOnSignals(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    setTimeout(() => process.exit(1), stopMs).unref();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  return controller.signal;
}

function tokenCommand(): Command {
  const token = new Command("token").description("bearer tokens: each is a principal with memories of its own");
  const home = "--home <folder>";
  const about = "data folder of the server";
  token
    .command("add <name>")
    .description("make a token and print it once")
    .option(home, about)
    .action(async (name: string, options: CommonOptions) => {
      await withTokens(options, async (tokens, folder) => {
        const made = await tokens.addToken(folder, name, new Date());
        process.stdout.write(`${made.reveal()}\n`);
        process.stderr.write("Keep it now: only its hash is stored.\n");
      });
    });
  token
    .command("list")
    .description("list principals")
    .option(home, about)
    .action(async (options: CommonOptions) => {
      await withTokens(options, async (tokens, folder) => {
        for (const { name, created } of await tokens.readTokens(folder)) process.stdout.write(`${name}\t${created}\n`);
      });
    });
  token
    .command("remove <name>")
    .description("take a principal's token away; its memories stay")
    .option(home, about)
    .action(async (name: string, options: CommonOptions) => {
      await withTokens(options, async (tokens, folder) => {
        const removed = await tokens.removeToken(folder, name);
        process.stderr.write(removed ? `The token of ${name} no longer works.\n` : `There is no token for ${name}.\n`);
        if (!removed) process.exitCode = 1;
      });
    });
  return token;
}

type Tokens = typeof import("./tokens.ts");

async function withTokens(options: CommonOptions, work: (tokens: Tokens, home: string) => Promise<void>) {
  const [{ run }, tokens, { homeOf }] = await Promise.all([
    import("../node/commands/kit.ts"),
    import("./tokens.ts"),
    import("../node/commands/open-client.ts"),
  ]);
  await run(options, async () => work(tokens, await homeOf(options.home)));
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535) throw new InvalidArgumentError("It must be from 0 to 65535.");
  return value;
}

function words(text: string): readonly string[] {
  const all = text.split(",").map((word) => word.trim());
  if (all.some((word) => word === "")) throw new InvalidArgumentError("Separate names by commas.");
  return all;
}
