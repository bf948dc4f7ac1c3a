import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Dashboard, startDashboard } from "../../../src/mcp/dashboard/start-dashboard.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { quiet } from "../../support/client-bench.ts";
import { findChromium, launch } from "./browser.ts";
import { type DemoHome, demoHome, HOSTILE } from "./demo-home.ts";

const executable = findChromium();
const isRequired = process.env["ENGRAM_CI"] === "1";
if (executable === undefined && !isRequired) {
  process.stderr.write("The dashboard's pages are not tested: no Chromium is installed (apt-get install chromium).\n");
}

test.runIf(isRequired)("a Chromium is installed where the pages must be tested", () => {
  expect(executable).toBeDefined();
});

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const PATHS = ["/", "/?span=hour", "/memories", "/memories?q=trains", "/memories?q=zzzz&namespace=home", "/network"];
PATHS.push(
  "/relay",
  "/relay?of=validator-1&state=delivered",
  "/intelligence",
  "/intelligence?assurance=payer",
  "/payments",
);

describe.skipIf(executable === undefined)("in Chromium", () => {
  let demo: DemoHome;
  let dashboard: Dashboard;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** What the browser complained of: errors of scripts and of the policy too. */
  let complaints: string[] = [];

  beforeAll(async () => {
    [demo, browser] = await Promise.all([demoHome(), launch(executable ?? "")]);
    const options = { home: demo.home, hostname: "127.0.0.1", port: 0, everyMs: 200 };
    dashboard = await startDashboard(options, { sources: demo.sources, clock: systemClock, log: quiet });
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
    page = await context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(dashboard.link().reveal());
    await expectAccessible();
    await Promise.all([page.waitForURL(`${dashboard.url}/`), page.click("main button")]);
  });
  afterAll(async () => {
    await browser?.close();
    await dashboard?.[Symbol.asyncDispose]();
    await demo?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    complaints = [];
  });

  const open = async (path: string) => {
    const response = await page.goto(`${dashboard.url}${path}`, { waitUntil: "load" });
    return response?.status();
  };

  /** No finding of axe that keeps somebody out. It is injected past the policy, as a person's own tools are. */
  async function expectAccessible(rules?: readonly string[]): Promise<void> {
    const session = await page.context().newCDPSession(page);
    await session.send("Runtime.evaluate", { expression: axe });
    await session.detach();
    const found = (await page.evaluate(
      `axe.run(${JSON.stringify({ resultTypes: ["violations"], ...(rules ? { runOnly: rules } : {}) })})`,
    )) as {
      readonly violations: readonly {
        readonly id: string;
        readonly impact: string;
        readonly nodes: readonly { html: string }[];
      }[];
    };
    const grave = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(grave.map(({ id, nodes }) => [page.url(), id, nodes[0]?.html])).toEqual([]);
  }

  const wordsOf = async (selector: string) => (await page.locator(selector).first().textContent()) ?? "";

  test.each(["light", "dark"] as const)(
    "every page in %s: no complaint, nothing that keeps anybody out",
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      const memory = (await demo.client.list({ limit: 1 })).items[0]?.id;
      const job = (
        await (
          await demo.sources.books((await demo.sources.nodes())[1] ?? { name: "", folder: "" })
        )?.courses(1, "parked")
      )?.[0]?.job;
      const more = [
        `/memories/${memory}`,
        `/memories/${memory}/delete`,
        `/relay/validator-1/${job}`,
        `/relay/validator-1/${job}/replay`,
      ];
      for (const path of [...PATHS, ...more]) {
        expect([path, await open(path)]).toEqual([path, 200]);
        expect(await page.locator("h1").count()).toBe(1);
        expect(await page.locator(".notice.bad").count()).toBe(0);
        await expectAccessible();
      }
      expect(complaints).toEqual([]);
      expect(await open("/nowhere")).toBe(404);
      await expectAccessible();
      await page.emulateMedia({ colorScheme: "light" });
    },
  );

  test("what others wrote is shown as they wrote it, and nothing of it runs", async () => {
    for (const path of ["/memories", "/memories?q=script", "/intelligence?assurance=payer"]) {
      await open(path);
      for (const details of await page.locator("details summary").all()) await details.click();
    }
    await open("/memories");
    await page.getByText("<script>window.pwned=1</script>").first().click();
    await page.waitForURL(/\/memories\/m_/);
    expect(await wordsOf("article")).toContain(HOSTILE.slice(0, 60));
    expect(await wordsOf("pre")).toContain("onerror=");
    await page.click("text=Forget this memory…");
    expect(await wordsOf("blockquote")).toContain("<script>");
    expect(await page.evaluate("window.pwned")).toBeUndefined();
    expect(complaints).toEqual([]);
  });

  test("the policy stops a script that got through as markup", async () => {
    await open("/");
    const markup = '<img src="data:," onerror="window.pwned=4">';
    await page.evaluate(`document.body.insertAdjacentHTML("beforeend", ${JSON.stringify(markup)})`);
    await expect.poll(() => complaints.join()).toContain("inline event handler");
    expect(await page.evaluate("window.pwned")).toBeUndefined();
  });

  test("search follows what is typed, says how much it found, and can be shared as an address", async () => {
    await open("/memories");
    await page.fill("#q", "who is allergic to hazelnuts");
    await page.waitForURL(/q=who\+is/);
    expect(await wordsOf("ol.list li:first-child")).toContain("hazelnuts");
    expect(await wordsOf("#announcer")).toMatch(/^\d+ memor/);
    await page.selectOption("#namespace", "home");
    await page.waitForURL(/namespace=home/);
    expect(await wordsOf("#results")).not.toContain("hazelnuts");
    await page.reload();
    expect(await page.inputValue("#q")).toBe("who is allergic to hazelnuts");
    expect(await page.evaluate("document.activeElement.tagName")).toBe("BODY");
    expect(complaints).toEqual([]);
  });

  test("a memory: where its copies are, proved on demand, forgotten after a question", async () => {
    const { stored } = await demo.client.store({ items: [{ text: "A memory that is to go." }] });
    await demo.client.settle();
    await open(`/memories/${stored[0]?.id}`);
    expect(await page.locator("#copies tbody tr").count()).toBe(3);
    expect(await wordsOf("#copies tbody")).toContain("held");
    await page.click("text=Have miners prove their copies");
    await page.waitForURL(/proved=3/);
    expect(await wordsOf(".notice.good")).toContain("3 of 3 copies were proved");
    await page.click("text=Forget this memory…");
    await page.click("text=Keep it as it is");
    expect((await demo.client.get([stored[0]?.id ?? ""])).items).toHaveLength(1);
    await page.click("text=Forget this memory…");
    await page.click("text=Forget it for good");
    await page.waitForURL(/forgotten=1/);
    expect(await wordsOf(".notice.good")).toContain("It is forgotten here");
    expect((await demo.client.get([stored[0]?.id ?? ""])).items).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("a dead letter is sent again after a question, and is then under way", async () => {
    await open("/relay?of=validator-1");
    const before = await page.locator("section[aria-labelledby=dead] tbody tr").count();
    await page.click("section[aria-labelledby=dead] tbody tr:first-child >> text=Send again");
    await page.click("main >> text=Send it again");
    await page.waitForURL(/\/relay\/validator-1\/r_[^/]+$/);
    expect(await wordsOf("#submission")).toMatch(/submitting|held/);
    await open("/relay?of=validator-1");
    expect(await page.locator("section[aria-labelledby=dead] tbody tr").count()).toBe(before - 1);
    expect(complaints).toEqual([]);
  });

  test("plots are drawn from the tables behind them, and read out where one points", async () => {
    await open("/relay?of=validator-1");
    expect(await page.locator("figure canvas").count()).toBe(4);
    const rows = await page.locator("#plot-latency tbody tr").count();
    expect(rows).toBe(60);
    await page.locator("#plot-latency .u-over").hover();
    await expect.poll(() => wordsOf("#plot-latency .plot-latest strong")).toMatch(/s \(\d{4}-/);
    await open("/network");
    expect(await page.locator("#plot-recall-validator-1 .key").count()).toBe(3);
    expect(await wordsOf("#plot-weights-validator-1 .plot-latest")).toContain("%");
    expect(complaints).toEqual([]);
  });

  test("an open page shows by itself what happens, and keeps what somebody opened", async () => {
    await open("/");
    await expect.poll(() => wordsOf("#connection")).toBe("Live");
    const tile = () => wordsOf("#glance .tile:first-child .value");
    const before = Number(await tile());
    await page.click("#plot-memories summary");
    await demo.client.store({ items: [{ text: "Something new while the page is open." }] });
    await page.locator("h1").click();
    await page.evaluate("document.activeElement.blur()");
    await expect.poll(tile, { timeout: 15_000 }).toBe(String(before + 1));
    expect(await page.locator("#plot-memories details[open]").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("by keyboard alone: skip link, pages, search, a memory, and back", async () => {
    await open("/");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("content");
    await open("/");
    await tabTo("Memories");
    await Promise.all([page.waitForURL(/\/memories$/), page.keyboard.press("Enter")]);
    for (let press = 0; press < 30 && (await page.evaluate("document.activeElement.id")) !== "q"; press++) {
      await page.keyboard.press("Tab");
    }
    await page.keyboard.type("Portuguese");
    await page.waitForURL(/q=Portuguese/);
    await tabTo("Cleo speaks Portuguese and is learning Finnish.");
    await Promise.all([page.waitForURL(/\/memories\/m_/), page.keyboard.press("Enter")]);
    await tabTo("Forget this memory…");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/delete$/);
    await tabTo("Keep it as it is");
    await Promise.all([page.waitForURL(/\/memories\/m_[a-z2-7]+$/), page.keyboard.press("Enter")]);
  });

  async function tabTo(text: string): Promise<void> {
    for (let press = 0; press < 40; press++) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate("document.activeElement.textContent.trim()")) === text) return;
    }
    throw new Error(`no Tab leads to ${text}`);
  }

  test("on a phone nothing is wider than the screen, and it can be touched", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const path of PATHS) {
      await open(path);
      expect([path, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([path, 360]);
    }
    await expectAccessible();
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("the theme follows the system until somebody chooses", async () => {
    const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    await page.emulateMedia({ colorScheme: "dark" });
    await open("/payments");
    const dark = await background();
    await page.click("text=Theme: system");
    await page.waitForSelector("text=Theme: light");
    expect(new URL(page.url()).pathname).toBe("/payments");
    const light = await background();
    expect(light).not.toBe(dark);
    await page.emulateMedia({ colorScheme: "light" });
    await page.click("text=Theme: light");
    await page.waitForSelector("text=Theme: dark");
    expect(await background()).toBe(dark);
    await expectAccessible();
    await page.click("text=Theme: dark");
    await page.waitForSelector("text=Theme: system");
  });

  test("without scripts every page works all the same", async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false });
    await plain.addCookies(await context.cookies());
    const shown = await plain.newPage();
    await shown.goto(`${dashboard.url}/memories`);
    await shown.fill("#q", "hazelnuts");
    await shown.click("button.primary");
    expect(await shown.locator("ol.list li").first().textContent()).toContain("hazelnuts");
    await shown.goto(`${dashboard.url}/relay?of=validator-1`);
    await shown.click("#plot-latency summary");
    expect(await shown.locator("#plot-latency tbody tr").count()).toBe(60);
    await plain.close();
  });

  test("who signs out is out", async () => {
    await open("/");
    await page.click("text=Sign out");
    await page.waitForURL(/\/login$/);
    await open("/memories");
    expect(new URL(page.url()).pathname).toBe("/login");
    expect(complaints).toEqual([]);
  });
});
