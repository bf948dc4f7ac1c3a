import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { engram, errorOf, temporaryFolder } from "./engram.ts";

const launcher = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));

test("dashboard prints a link that signs in once and then the next, serves its pages, and stops in order", async () => {
  const home = await temporaryFolder();
  const { PATH = "", HOME = "" } = process.env;
  const args = [launcher, "dashboard", "--port", "0", "--json"];
  const child = spawn(process.execPath, args, {
    env: { PATH, HOME, ENGRAM_HOME: home },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value ?? "{}") as Record<string, string>;

  const ready = await next();
  expect(ready).toMatchObject({ event: "ready", home });
  const { url = "", link = "" } = ready;
  expect(new URL(url).hostname).toBe("127.0.0.1");
  const body = new URLSearchParams({ code: new URL(link).searchParams.get("code") ?? "" });
  const entered = await fetch(`${url}/login`, { method: "POST", headers: { origin: url }, body, redirect: "manual" });
  expect(entered.status).toBe(303);
  const following = await next();
  expect(following["event"]).toBe("dashboard");
  expect(following["link"]).not.toBe(link);

  const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
  const overview = await (await fetch(url, { headers: { cookie } })).text();
  expect(overview).toContain("Nothing is remembered yet.");
  const empty = {
    "/network": "This home is on its own.",
    "/relay": "Nothing was relayed yet.",
    "/payments": "Nothing was ever paid.",
  };
  for (const [path, words] of Object.entries({ ...empty, "/intelligence": "No gateway is known." })) {
    const page = await (await fetch(`${url}${path}`, { headers: { cookie } })).text();
    expect(page).toContain(words);
    expect(page).not.toContain('class="notice bad"');
  }
  // Looking makes no books.
  expect((await readdir(home)).filter((name) => /relay|payments/.test(name))).toEqual([]);

  const taken = await engram(home, ["dashboard", "--port", new URL(url).port, "--json"]);
  expect([taken.code === 0, errorOf(taken).code]).toEqual([false, "HTTP_LISTEN"]);
  child.kill("SIGTERM");
  expect((await once(child, "exit"))[0]).toBe(0);
});

test("beyond loopback it asks for the names browsers use", async () => {
  const outcome = await engram(await temporaryFolder(), ["dashboard", "--host", "0.0.0.0", "--port", "0", "--json"]);
  expect(errorOf(outcome)).toMatchObject({ code: "DASHBOARD_NEEDS_HOSTS" });
});
