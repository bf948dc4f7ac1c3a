import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DashboardSources } from "../../../src/mcp/dashboard/sources.ts";
import { type Dashboard, type DashboardOptions, startDashboard } from "../../../src/mcp/dashboard/start-dashboard.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { quiet } from "../../support/client-bench.ts";
import { FakeMemoryClient } from "../../support/fake-memory-client.ts";

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** By node:http, as fetch sets Host and Origin itself. */
function ask(url: string, init: { headers?: Record<string, string>; form?: Record<string, string> } = {}) {
  const { headers = {}, form } = init;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const typed = form ? { "content-type": "application/x-www-form-urlencoded" } : {};
  const sent = request(url, { method: form ? "POST" : "GET", headers: { ...typed, ...headers } }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
  });
  sent.on("error", reject);
  sent.end(form && new URLSearchParams(form).toString());
  return promise;
}

interface Served extends AsyncDisposable {
  readonly dashboard: Dashboard;
  readonly client: FakeMemoryClient;
  readonly links: string[];
}

async function serve(options: Partial<DashboardOptions> = {}): Promise<Served> {
  const home = await mkdtemp(join(tmpdir(), "engram-dashboard-http-"));
  const client = new FakeMemoryClient();
  const nothing = async () => undefined;
  const sources: DashboardSources = {
    memory: async () => client,
    ...{ chain: nothing, books: nothing, validator: nothing, nodes: async () => [] },
    feed: () => Promise.reject(new Error("no feed here")),
  };
  const links: string[] = [];
  const dashboard = await startDashboard(
    { home, hostname: "127.0.0.1", port: 0, onLink: (link) => void links.push(link.reveal()), ...options },
    { sources, clock: systemClock, log: quiet },
  );
  const stop = async () => {
    await dashboard[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  };
  return { dashboard, client, links, [Symbol.asyncDispose]: stop };
}

function codeOf(link: string): string {
  return new URL(link).searchParams.get("code") ?? "";
}

/** Signs in by the present link; the cookie and the token of the session's forms. */
async function signIn({ url, link }: Dashboard): Promise<{ readonly cookie: string; readonly csrf: string }> {
  const entered = await ask(`${url}/login`, { headers: { origin: url }, form: { code: codeOf(link().reveal()) } });
  expect(entered.status).toBe(303);
  const cookie = String(entered.headers["set-cookie"]).split(";")[0] ?? "";
  const { text } = await ask(`${url}/memories`, { headers: { cookie } });
  const csrf = /name="csrf" value="([\w-]{20,})"/.exec(text)?.[1] ?? "";
  expect(csrf).not.toBe("");
  return { cookie, csrf };
}

describe("signing in", () => {
  test("a code works once, and the next one is told to the terminal", async () => {
    await using served = await serve();
    const { url, link } = served.dashboard;
    const first = link().reveal();
    const tried = (code: string) => ask(`${url}/login`, { headers: { origin: url }, form: { code } });
    expect((await tried("wrong")).status).toBe(403);
    // Looking at the link uses nothing up: previews of links must not.
    expect((await ask(first)).status).toBe(200);
    const entered = await tried(codeOf(first));
    expect(entered.status).toBe(303);
    expect(String(entered.headers["set-cookie"])).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
    expect((await tried(codeOf(first))).status).toBe(403);
    expect(served.links).toEqual([link().reveal()]);
    expect((await tried(codeOf(link().reveal()))).status).toBe(303);
    expect(String(link())).toBe("[secret]");
  });

  test("tries are limited, also those with the right code", async () => {
    await using served = await serve({ signInRate: { burst: 2, perSecond: 0.001 } });
    const { url, link } = served.dashboard;
    const tried = (code: string) => ask(`${url}/login`, { headers: { origin: url }, form: { code } });
    expect((await tried("a")).status).toBe(403);
    expect((await tried("b")).status).toBe(403);
    expect((await tried(codeOf(link().reveal()))).status).toBe(429);
  });

  test("a form of another page signs nobody in", async () => {
    await using served = await serve();
    const { url, link } = served.dashboard;
    const form = { code: codeOf(link().reveal()) };
    for (const headers of [
      {},
      { origin: "null" },
      { origin: "http://127.0.0.1:1" },
      { origin: "https://evil.example" },
    ]) {
      expect((await ask(`${url}/login`, { headers, form })).status).toBe(403);
    }
    expect((await ask(`${url}/login`, { headers: { origin: url }, form })).status).toBe(303);
  });

  test("beyond loopback the names must be said, and a proxy's TLS keeps the cookie to it", async () => {
    await expect(serve({ hostname: "0.0.0.0" })).rejects.toMatchObject({ code: "DASHBOARD_NEEDS_HOSTS" });
    await using served = await serve({ allowedHosts: ["memory.example.org"] });
    const { url, link } = served.dashboard;
    const form = { code: codeOf(link().reveal()) };
    const headers = { host: "memory.example.org", origin: "https://memory.example.org" };
    expect(String((await ask(`${url}/login`, { headers, form })).headers["set-cookie"])).toContain("Secure");
  });
});

describe("who is let in", () => {
  let served: Served;
  let session: Awaited<ReturnType<typeof signIn>>;
  beforeAll(async () => {
    served = await serve();
    session = await signIn(served.dashboard);
  });
  afterAll(() => served[Symbol.asyncDispose]());

  test.each([
    ["a foreign Host", "evil.example", 403],
    ["a Host that only begins like loopback", "127.0.0.1.evil.example", 403],
    ["loopback by name", "localhost:1", 303],
  ])("%s", async (_, host, status) => {
    expect((await ask(`${served.dashboard.url}/`, { headers: { host } })).status).toBe(status);
  });

  test("without a session there is the sign-in page alone", async () => {
    const { url } = served.dashboard;
    const paths = ["/", "/memories", "/memories/m_aaaaaaaa", "/network", "/relay", "/intelligence", "/payments"];
    for (const path of paths) {
      for (const cookie of ["", `engram_session_${new URL(url).port}=${"x".repeat(32)}`]) {
        const answer = await ask(`${url}${path}`, { headers: { cookie } });
        expect([path, answer.status, answer.headers["location"]]).toEqual([path, 303, "/login"]);
      }
      expect((await ask(`${url}${path}`, { headers: { cookie: session.cookie } })).status).not.toBe(303);
    }
    expect((await ask(`${url}/events`)).status).toBe(403);
    expect((await ask(`${url}/sign-out`, { headers: { origin: url }, form: {} })).status).toBe(403);
  });

  test("nothing of the disk is served but the page's own files", async () => {
    const { url } = served.dashboard;
    for (const name of ["style.css", "page.js", "icon.svg", "uplot.js", "uplot.css"]) {
      expect((await ask(`${url}/assets/${name}`)).status).toBe(200);
    }
    for (const name of ["toString", "__proto__", "..%2f..%2fapp.ts", "%2fetc%2fpasswd", "page.js%00"]) {
      expect([name, (await ask(`${url}/assets/${name}`, { headers: session })).status]).toEqual([name, 404]);
    }
  });

  test("every answer forbids scripts, styles and frames that are not its own", async () => {
    const { url } = served.dashboard;
    for (const path of ["/", "/login", "/assets/page.js", "/nowhere"]) {
      const { headers, text } = await ask(`${url}${path}`, { headers: { cookie: session.cookie } });
      const policy = String(headers["content-security-policy"]);
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(headers).toMatchObject({ "x-frame-options": "DENY", "x-content-type-options": "nosniff" });
      expect(headers["access-control-allow-origin"]).toBeUndefined();
      expect(text).not.toMatch(/<script(?![^>]* src="\/assets\/)|<style|style="|\son[a-z]+="/);
    }
  });
});

describe("what changes something", () => {
  const remember = async ({ client }: Served, text = "Ana likes tea") =>
    (await client.store({ items: [{ text }] })).stored[0]?.id ?? "";

  test("needs the session, its token and this very page; the question alone deletes nothing", async () => {
    await using served = await serve();
    const { url } = served.dashboard;
    const { cookie, csrf } = await signIn(served.dashboard);
    const id = await remember(served);
    const path = `${url}/memories/${id}/delete`;
    const own = { cookie, origin: url };
    const forged: [headers: Record<string, string>, form: Record<string, string>][] = [
      [own, {}],
      [own, { csrf: "x".repeat(32) }],
      [{ cookie }, { csrf }],
      [{ cookie, origin: "null" }, { csrf }],
      [{ cookie, origin: "https://evil.example" }, { csrf }],
      // Another port of this machine: the browser sends it the same cookies.
      [{ cookie, origin: "http://127.0.0.1:9" }, { csrf }],
      [{ ...own, "sec-fetch-site": "same-site" }, { csrf }],
      [{ ...own, "sec-fetch-site": "cross-site" }, { csrf }],
      [{ ...own, "content-type": "text/plain" }, { csrf }],
      [{ origin: url }, { csrf }],
    ];
    for (const [headers, form] of forged) expect((await ask(path, { headers, form })).status).toBe(403);
    expect((await ask(path, { headers: { cookie } })).status).toBe(200);
    expect(served.client.memories.size).toBe(1);
    const done = await ask(path, { headers: { ...own, "sec-fetch-site": "same-origin" }, form: { csrf } });
    expect([done.status, done.headers["location"]]).toEqual([303, "/memories?forgotten=1"]);
    expect(served.client.memories.size).toBe(0);
    expect((await ask(path, { headers: own, form: { csrf } })).status).toBe(404);
  });

  test("another session's token is none, and who signed out is out", async () => {
    await using served = await serve();
    const { url } = served.dashboard;
    const [one, other] = [await signIn(served.dashboard), await signIn(served.dashboard)];
    const id = await remember(served);
    const headers = { cookie: one.cookie, origin: url };
    expect((await ask(`${url}/memories/${id}/delete`, { headers, form: { csrf: other.csrf } })).status).toBe(403);
    expect((await ask(`${url}/sign-out`, { headers, form: { csrf: one.csrf } })).status).toBe(303);
    expect((await ask(`${url}/memories`, { headers })).headers["location"]).toBe("/login");
    expect((await ask(`${url}/memories`, { headers: { cookie: other.cookie } })).status).toBe(200);
  });

  test("the theme is kept, and leads back nowhere but to a page of this server", async () => {
    await using served = await serve();
    const { url } = served.dashboard;
    const { cookie, csrf } = await signIn(served.dashboard);
    const headers = { cookie, origin: url };
    for (const [back, to] of [
      ["/relay?of=agent", "/relay?of=agent"],
      ["//evil.example", "/"],
      ["/\\evil.example", "/"],
      ["https://evil.example", "/"],
    ] as const) {
      const set = await ask(`${url}/theme`, { headers, form: { csrf, theme: "dark", back } });
      expect([set.status, set.headers["location"]]).toEqual([303, to]);
      expect(String(set.headers["set-cookie"])).toContain("engram_theme=dark");
    }
    const { text } = await ask(`${url}/`, { headers: { cookie: `${cookie}; engram_theme=dark` } });
    expect(text).toContain('data-theme="dark"');
    const odd = await ask(`${url}/`, { headers: { cookie: `${cookie}; engram_theme="><script>` } });
    expect(odd.text).toContain('data-theme="system"');
  });
});

test("text of others is text, wherever it is shown and whatever it is asked with", async () => {
  await using served = await serve();
  const { url } = served.dashboard;
  const { cookie } = await signIn(served.dashboard);
  const hostile = `<script>alert(1)</script><b a="'">&`;
  const hidden = "plain\u202e\u200btext";
  const stored = await served.client.store({
    items: [{ text: hostile, speaker: hostile, metadata: { [hostile]: hostile } }, { text: hidden }],
    namespace: hostile,
  });
  const paths = [
    "/",
    "/memories",
    `/memories?q=${encodeURIComponent(hostile)}`,
    `/memories?namespace=${encodeURIComponent(hostile)}`,
  ];
  paths.push(
    `/memories/${stored.stored[0]?.id}`,
    `/memories/${stored.stored[0]?.id}/delete`,
    `/${encodeURIComponent(hostile)}`,
  );
  for (const path of paths) {
    const { text } = await ask(`${url}${path}`, { headers: { cookie } });
    expect([path, /<script>|<b a/.test(text)]).toEqual([path, false]);
  }
  const { text } = await ask(`${url}/memories`, { headers: { cookie } });
  expect(text).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  expect(text).toContain("plaintext");
});

test("a memory says who can read it, and one that another wallet shares cannot be forgotten here", async () => {
  await using served = await serve();
  const { url } = served.dashboard;
  const { cookie } = await signIn(served.dashboard);
  const { stored } = await served.client.store({ items: [{ text: "who reads this" }] });
  const page = async () => (await ask(`${url}/memories/${stored[0]?.id}`, { headers: { cookie } })).text;
  const own = { name: "main", visibility: "private", memories: 1 } as const;
  const forget = "Forget this memory";
  expect(await page()).toContain("the owner of this wallet alone");
  served.client.namespaces = async () => [{ ...own, readers: 2 }];
  expect(await page()).toContain("2 readers you share it with");
  expect(await page()).toContain(forget);
  served.client.namespaces = async () => [{ ...own, owner: "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" }];
  expect(await page()).toContain("who shares it");
  expect(await page()).not.toContain(forget);
});

test("a part that fails says so and hides no other; an unknown failure says nothing of itself", async () => {
  await using served = await serve();
  const { url } = served.dashboard;
  const { cookie } = await signIn(served.dashboard);
  const feed = await ask(`${url}/intelligence`, { headers: { cookie } });
  expect(feed.status).toBe(200);
  expect(feed.text).toContain("This could not be read.");
  expect(feed.text).not.toContain("no feed here");
  const missing = await ask(`${url}/memories/m_aaaaaaaaaaaaaaaa`, { headers: { cookie } });
  expect(missing.status).toBe(404);
  expect(missing.text).toContain("there is no memory of this id");
});

test("open pages are told to look again, and stopping ends their streams", async () => {
  const served = await serve({ everyMs: 20 });
  const { url } = served.dashboard;
  const { cookie } = await signIn(served.dashboard);
  const streaming = ask(`${url}/events`, { headers: { cookie } });
  const told = Promise.withResolvers<void>();
  const heard = request(`${url}/events`, { headers: { cookie } }, (response) => {
    response.setEncoding("utf8").on("data", (chunk: string) => {
      if (chunk.includes("event: look")) told.resolve();
    });
    response.on("error", () => undefined);
  });
  heard.end();
  await told.promise;
  await served[Symbol.asyncDispose]();
  const { status, headers, text } = await streaming;
  expect([status, headers["content-type"]]).toEqual([200, "text/event-stream"]);
  expect(text).toContain("event: look");
});
