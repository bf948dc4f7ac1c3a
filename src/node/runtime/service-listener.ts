import type { ServiceConfig } from "./config-service.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";
import type { Logger } from "./logger.ts";
import { ReleaseStack } from "./release-stack.ts";
import { TlsCertificate } from "./tls-certificate.ts";
import { type Client, TrustedProxies } from "./trusted-proxies.ts";

export interface ServiceListenerOptions extends Pick<ServiceConfig, "tls" | "trustedProxies"> {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly handler: (request: Request, client: Client) => Response | Promise<Response>;
  readonly isReady: () => boolean;
  readonly logger: Logger;
}

/** What whoever runs a service may ask of its listener. */
export interface ServiceControl {
  /** `/ready` says 503 from now on; requests are served as before. */
  drain(): void;
  /** Takes up renewed certificate files now; false when there is nothing new. */
  renewCertificate(): Promise<boolean>;
}

/**
 * A service's public listener: TLS when it has certificate files, `/ready`, and clients told apart behind trusted
 * proxies. Errors: `HTTP_LISTEN`, `TLS_UNREADABLE`.
 */
export async function startServiceListener(options: ServiceListenerOptions): Promise<HttpServer & ServiceControl> {
  const { hostname, port, handler, isReady, logger } = options;
  await using stack = new ReleaseStack();
  const tls = options.tls && stack.use(await TlsCertificate.open(options.tls, logger));
  const proxies = new TrustedProxies(options.trustedProxies);
  const server = stack.use(
    await startHttpServer({
      hostname,
      port,
      tls,
      isReady,
      handler: (request, peer) => {
        const client = proxies.clientOf(request.headers, peer);
        return handler(request, { ...client, secure: client.secure || tls !== undefined });
      },
    }),
  );
  const release = stack.move();
  return {
    port: server.port,
    url: server.url,
    drain: () => server.drain(),
    renewCertificate: async () => (await tls?.reload()) ?? false,
    [Symbol.asyncDispose]: () => release[Symbol.asyncDispose](),
  };
}
