import { EngramError } from "../../crypto/errors.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import { startHttpServer } from "../../node/runtime/http-server.ts";
import { ReleaseStack } from "../../node/runtime/release-stack.ts";
import { Secret } from "../../node/runtime/secret.ts";
import type { ServerLog } from "../server-options.ts";
import { isLoopbackHost } from "../transports/guards.ts";
import { type AppOptions, createDashboardApp } from "./app.ts";
import { openHistory } from "./history/history.ts";
import { sampleUntilStopped } from "./history/sampler.ts";
import { LiveChannel } from "./live-channel.ts";
import { SignIn } from "./sign-in.ts";
import type { DashboardSources } from "./sources.ts";

export interface DashboardOptions extends AppOptions {
  readonly home: string;
  readonly hostname: string;
  /** 0 takes a free one: read it from `url`. */
  readonly port: number;
  /** How often open pages are told to look again, in ms; default 5 s. */
  readonly everyMs?: number;
  /** False: nothing is read of the home before somebody signed in. Default true. */
  readonly sampleAtOnce?: boolean;
  /** Called with the next link as soon as one was used. */
  readonly onLink?: (link: Secret<string>) => void;
}

export interface DashboardDeps {
  /** Not closed with the dashboard. */
  readonly sources: DashboardSources;
  readonly clock: Clock;
  readonly log: ServerLog;
}

export interface Dashboard extends AsyncDisposable {
  readonly url: string;
  /** Signs one browser in. */
  readonly link: () => Secret<string>;
}

const EVERY_MS = 5_000;

/** Serves the dashboard of a home. Errors: `HTTP_LISTEN`, `DASHBOARD_NEEDS_HOSTS`. */
export async function startDashboard(options: DashboardOptions, deps: DashboardDeps): Promise<Dashboard> {
  const { hostname, port, allowedHosts = [], home, everyMs = EVERY_MS, sampleAtOnce = true } = options;
  if (!isLoopbackHost(hostname) && allowedHosts.length === 0) {
    throw new EngramError("DASHBOARD_NEEDS_HOSTS", `Listening on ${hostname} needs the names browsers use`, {
      fix: "Name them with --allow-host, for example --allow-host memory.example.org, behind a server that speaks TLS.",
    });
  }
  await using starting = new ReleaseStack();
  const { sources, clock, log } = deps;
  const linkOf = (code: Secret<string>) => new Secret(`${url}/login?code=${code.reveal()}`);
  const wanted = Promise.withResolvers<void>();
  if (sampleAtOnce) wanted.resolve();
  const signIn = new SignIn({}, (code) => {
    wanted.resolve();
    options.onLink?.(linkOf(code));
  });
  const history = starting.use(openHistory(home));
  const live = new LiveChannel();
  const app = createDashboardApp(options, { sources, history, signIn, live, log, now: () => clock.now() });
  const handler = (request: Request, peer: string) => app.fetch(request, { peer });
  const { url } = starting.use(await startHttpServer({ hostname, port, handler }));
  // Open streams would hold the listener up to its grace: they end first.
  starting.use(live);
  const stop = new AbortController();
  const onLook = () => live.tell();
  const sampler = { memory: sources.memory, history, clock, log, onLook, signal: stop.signal };
  const sampling = wanted.promise.then(() => sampleUntilStopped({ everyMs }, sampler));
  starting.defer(async () => {
    stop.abort(new Error("the dashboard is stopping"));
    wanted.resolve();
    await sampling;
  });
  const running = starting.move();
  return { url, link: () => linkOf(signIn.code), [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}
