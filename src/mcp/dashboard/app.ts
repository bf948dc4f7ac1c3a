import { type Context, Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { html } from "hono/html";
import { isEngramError } from "../../crypto/errors.ts";
import type { ServerLog } from "../server-options.ts";
import { type AllowedHosts, allowedHosts } from "../transports/guards.ts";
import { type RateLimit, RateLimiter } from "../transports/rate-limit.ts";
import { asset } from "./assets.ts";
import { failure, type PageContext } from "./context.ts";
import { carriesToken, type Fields, isOwnPage, readForm, SECURITY_HEADERS } from "./guards.ts";
import type { History } from "./history/history.ts";
import type { LiveChannel } from "./live-channel.ts";
import { notice, type PageBody, type Theme, wholePage } from "./page.ts";
import { signInPage } from "./pages/sign-in.ts";
import { acts, pages } from "./routes.ts";
import type { Session, SignIn } from "./sign-in.ts";
import type { DashboardSources } from "./sources.ts";

export interface AppOptions {
  /** Names beside loopback by which browsers may address it. */
  readonly allowedHosts?: readonly string[];
  /** Of tries to sign in, by who tries. */
  readonly signInRate?: RateLimit;
}

export interface AppDeps {
  readonly sources: DashboardSources;
  readonly history: History;
  readonly signIn: SignIn;
  readonly live: LiveChannel;
  readonly now: () => number;
  readonly log: ServerLog;
}

type Environment = { Bindings: { readonly peer: string }; Variables: { session: Session; form: Fields } };
type RequestContext = Context<Environment>;

/** Pages refresh themselves every few seconds; who asks more often than this is no browser. */
const REQUEST_RATE: RateLimit = { burst: 200, perSecond: 40 };
const SIGN_IN_RATE: RateLimit = { burst: 10, perSecond: 0.2 };

/**
 * The dashboard. Everything but the sign-in page and the files it is made of needs a session; what changes something is
 * a POST from this very page with the session's own token. Foreign hosts answer 403 before anything else is looked at.
 */
export function createDashboardApp(options: AppOptions, deps: AppDeps): Hono<Environment> {
  const app = new Hono<Environment>();
  const hosts = allowedHosts(options.allowedHosts ?? []);
  const requests = new RateLimiter(REQUEST_RATE, deps.now);
  const tries = new RateLimiter(options.signInRate ?? SIGN_IN_RATE, deps.now);
  app.use(async (context, next) => {
    const refused = refusal(context, hosts, requests);
    if (refused) return refused;
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      if (name !== "cache-control" || !context.res.headers.has(name)) context.res.headers.set(name, value);
    }
  });
  app.get("/assets/:name", async (context) => (await asset(context.req.param("name"))) ?? context.notFound());
  app.get("/login", async (context) => {
    if (sessionOf(context, deps)) return context.redirect("/", 303);
    return answer(context, signInPage(context.req.query("code") ?? "", false), null);
  });
  app.post("/login", async (context) => {
    const form = isOwnPage(context.req.raw.headers) ? await readForm(context.req.raw) : null;
    if (form === null) return answer(context, refusedPage("This form came from another page."), null);
    if (tries.take(context.env.peer) > 0) {
      return answer(context, refusedPage("Too many tries; wait a minute.", 429), null);
    }
    const session = deps.signIn.enter(form.get("code") ?? "");
    if (!session) return answer(context, signInPage("", true), null);
    // Beyond this machine it is behind a server that speaks TLS: the browser then keeps the cookie to that.
    const secure = context.req.header("origin")?.startsWith("https:") === true;
    const cookie = { httpOnly: true, sameSite: "Strict", path: "/", secure } as const;
    setCookie(context, cookieName(context), session.id.reveal(), cookie);
    return context.redirect("/", 303);
  });
  app.use(async (context, next) => {
    const session = sessionOf(context, deps);
    if (!session) {
      return context.req.method === "GET" && context.req.path !== "/events"
        ? context.redirect("/login", 303)
        : answer(context, refusedPage("Sign in first."), null);
    }
    context.set("session", session);
    if (context.req.method === "GET" || context.req.method === "HEAD") return next();
    const form = isOwnPage(context.req.raw.headers) ? await readForm(context.req.raw) : null;
    if (form === null || !carriesToken(form, session)) {
      return answer(context, refusedPage("This form came from another page; nothing was done."), session);
    }
    context.set("form", form);
    return next();
  });
  app.get("/events", (context) => deps.live.open() ?? context.text("too many pages are open", 503));
  app.post("/theme", (context) => {
    const form = context.get("form");
    const theme = form.get("theme") ?? "";
    setCookie(context, THEME_COOKIE, isTheme(theme) ? theme : "system", {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      maxAge: 31_536_000,
    });
    return context.redirect(ownPath(form.get("back")), 303);
  });
  app.post("/sign-out", (context) => {
    deps.signIn.leave(context.get("session"));
    setCookie(context, cookieName(context), "", { httpOnly: true, sameSite: "Strict", path: "/", maxAge: 0 });
    return context.redirect("/login", 303);
  });
  for (const [path, page] of Object.entries(pages)) {
    app.get(path, async (context) =>
      answer(
        context,
        await page(context.req.param() as Record<string, string>, pageContext(context, deps)),
        context.get("session"),
      ),
    );
  }
  for (const [path, act] of Object.entries(acts)) {
    app.post(path, async (context) =>
      context.redirect(await act(context.req.param() as Record<string, string>, pageContext(context, deps)), 303),
    );
  }
  app.notFound((context) => answer(context, notFoundPage(), sessionOf(context, deps) ?? null));
  app.onError((error, context) => answer(context, failedPage(error, deps.log), sessionOf(context, deps) ?? null));
  return app;
}

function refusal(context: RequestContext, hosts: AllowedHosts, requests: RateLimiter): Response | undefined {
  const { headers } = context.req.raw;
  if (!hosts.isHost(headers.get("host"))) return context.text("This Host is not served here; see --allow-host.\n", 403);
  const waitMs = requests.take(context.env.peer);
  if (waitMs === 0) return undefined;
  return context.text("Too many requests.\n", 429, { "retry-after": String(Math.ceil(waitMs / 1_000)) });
}

const THEME_COOKIE = "engram_theme";

/** Cookies know no ports: two dashboards of one machine would sign each other out. */
function cookieName(context: RequestContext): string {
  return `engram_session_${new URL(context.req.url).port || "web"}`;
}

function sessionOf(context: RequestContext, { signIn }: AppDeps): Session | undefined {
  return signIn.session(getCookie(context, cookieName(context)));
}

function isTheme(text: string): text is Theme {
  return text === "system" || text === "light" || text === "dark";
}

/** A path of this server and nothing else. */
function ownPath(text: string | null): string {
  return text !== null && /^\/(?![/\\])[\x21-\x7e]{0,500}$/.test(text) ? text : "/";
}

function pageContext(context: RequestContext, { sources, history, now, log }: AppDeps): PageContext {
  const { csrf } = context.get("session");
  const { searchParams: query } = new URL(context.req.url);
  return { sources, history, now: now(), csrf, query, signal: context.req.raw.signal, log };
}

async function answer(context: RequestContext, body: PageBody, session: Session | null): Promise<Response> {
  const chosen = getCookie(context, THEME_COOKIE) ?? "system";
  const { pathname, search } = new URL(context.req.url);
  const path = context.req.method === "GET" ? `${pathname}${search}` : "/";
  const viewer = { theme: isTheme(chosen) ? chosen : "system", csrf: session?.csrf ?? null, path } as const;
  return context.html(await wholePage(body, viewer), body.status ?? 200);
}

function refusedPage(sentence: string, status: 403 | 429 = 403): PageBody {
  const content = html`<div class="narrow"><h1>Not done</h1>${notice("bad", sentence, html`<a href="/">Back to the overview</a>`)}</div>`;
  return { section: null, title: "Not done", content, status };
}

function notFoundPage(): PageBody {
  const content = html`<div class="narrow"><h1>There is no such page</h1><p><a href="/">Back to the overview</a></p></div>`;
  return { section: null, title: "No such page", content, status: 404 };
}

/** Codes whose meaning is that what was named is not there. */
const MISSING = /_(NOT_FOUND|UNKNOWN|NOT_REPLAYABLE)$/;

function failedPage(error: Error, log: ServerLog): PageBody {
  const status = !isEngramError(error) ? 500 : MISSING.test(error.code) ? 404 : 400;
  const content = html`<div class="narrow"><h1>That did not work</h1>${failure(error, { log })}<p><a href="/">Back to the overview</a></p></div>`;
  return { section: null, title: "That did not work", content, status };
}
