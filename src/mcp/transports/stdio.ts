import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { createEngramServer } from "../server.ts";
import type { ServerDeps, ServerOptions } from "../server-options.ts";

/** Room for the largest call (50 long texts) in one line. */
const maxMessageBytes = 16 * 1024 * 1024;

/**
 * Serves one client on stdin and stdout until stdin ends or `signal` aborts, then closes its memories. Nothing else
 * may write to stdout: it carries the protocol.
 */
export async function serveOverStdio(options: ServerOptions, deps: ServerDeps, signal: AbortSignal): Promise<void> {
  await using server = createEngramServer(options, deps);
  const transport = new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: maxMessageBytes });
  const ended = new Promise<void>((resolve) => {
    const handle = serveStdio(server.factory, {
      transport,
      onerror: (error) => deps.log.debug({ reason: error.message }, "a message was refused"),
    });
    const close = () => void handle.close().finally(resolve);
    // The entry listens to the transport itself, so the end of input is watched on the stream.
    process.stdin.once("end", close).once("close", close);
    process.stdout.once("error", close);
    signal.addEventListener("abort", close, { once: true });
    if (signal.aborted) close();
  });
  await ended;
}
