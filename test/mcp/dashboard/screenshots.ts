import { mkdir, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { startDashboard } from "../../../src/mcp/dashboard/start-dashboard.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { quiet } from "../../support/client-bench.ts";
import { findChromium, launch } from "./browser.ts";
import { demoHome, HOSTILE } from "./demo-home.ts";

/** `npm run screenshots`: writes what the documents show of the dashboard, of a made-up home, to docs/images. */

const folder = fileURLToPath(new URL("../../../docs/images/", import.meta.url));
const MAX_BYTES = 200_000;

const executable = findChromium();
if (executable === undefined) throw new Error("no Chromium is installed: apt-get install chromium");
await mkdir(folder, { recursive: true });
await using demo = await demoHome();
// Nothing hostile in a picture.
const { hits } = await demo.client.query({ query: HOSTILE, mode: "keyword" });
const hostile = hits.find(({ text }) => text === HOSTILE);
if (hostile) await demo.client.delete({ ids: [hostile.id] });
await demo.client.settle();
const options = { home: demo.home, hostname: "127.0.0.1", port: 0 };
await using dashboard = await startDashboard(options, { sources: demo.sources, clock: systemClock, log: quiet });
await using browser = await launch(executable);
const page = await browser.newPage({ viewport: { width: 1280, height: 1_000 }, colorScheme: "light" });
await page.goto(dashboard.link().reveal());
await Promise.all([page.waitForURL(`${dashboard.url}/`), page.click("main button")]);
for (const [name, path] of [
  ["overview", "/"],
  ["memories", "/memories"],
  ["network", "/network"],
  ["relay", "/relay?of=validator-1"],
  ["intelligence", "/intelligence"],
  ["payments", "/payments"],
] as const) {
  await page.goto(`${dashboard.url}${path}`);
  if (name === "memories") await search(page, "when do we deploy the release");
  await shoot(name);
}
await page.goto(`${dashboard.url}/memories`);
await page.click("ol.list a");
await shoot("memory");
await page.emulateMedia({ colorScheme: "dark" });
await page.goto(`${dashboard.url}/`);
await shoot("overview-dark");

async function search(shown: Page, words: string): Promise<void> {
  await Promise.all([shown.waitForURL(/q=when/), shown.fill("#q", words)]);
}

async function shoot(name: string): Promise<void> {
  const path = `${folder}dashboard-${name}.png`;
  await page.waitForLoadState("load");
  // A painted frame after the plots were drawn.
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
  await page.screenshot({ path });
  const { size } = await stat(path);
  process.stdout.write(`${path} ${Math.round(size / 1_000)} kB\n`);
  if (size > MAX_BYTES) throw new Error(`${name} is larger than ${MAX_BYTES} bytes`);
}
