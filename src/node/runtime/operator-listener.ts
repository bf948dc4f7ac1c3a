import { type HttpServer, startHttpServer } from "./http-server.ts";
import type { Logger } from "./logger.ts";

const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/** The operator's own listener, on this machine alone. `handler` decides who may ask what. */
export async function startOperatorListener(
  port: number,
  handler: Parameters<typeof startHttpServer>[0]["handler"],
  logger: Logger,
): Promise<HttpServer> {
  const server = await startHttpServer({ hostname: "127.0.0.1", port, handler });
  logger.info({ url: server.url }, "the operator's listener serves");
  return server;
}

/** Web pages in the operator's own browser reach that listener too; browsers name them, programs do not. */
export function isFromProgram({ headers, url }: Request): boolean {
  const isPage = headers.has("origin") || headers.has("sec-fetch-site");
  return !isPage && LOCAL_HOST.test(headers.get("host") ?? new URL(url).host);
}
