import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseConsentRules } from "../../src/mcp/consent.ts";
import type { ToolContext } from "../../src/mcp/tool.ts";
import { archiveTool } from "../../src/mcp/tools/archive.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { ArweaveGateway } from "../support/arweave-gateway.ts";
import { ClientBench } from "../support/client-bench.ts";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest } from "../support/mcp-server.ts";

const key = new Secret(new URL("../support/arweave-test-key.json", import.meta.url).pathname);

let bench: ClientBench;
let gateway: ArweaveGateway;
let page: string;
let website: Server;
let visits: string[];
beforeEach(async () => {
  bench = await ClientBench.make();
  gateway = await ArweaveGateway.start();
  visits = [];
  website = createServer((request, response) => {
    visits.push(request.url ?? "");
    response.end("The quinces were picked on the ninth of October.");
  });
  await new Promise<void>((resolve) => website.listen(0, "127.0.0.1", resolve));
  page = `http://harvest.test:${(website.address() as AddressInfo).port}/harvest`;
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await new Promise((resolve) => website.close(resolve));
});

/** One name stands in for the internet; everything else is judged as ever. */
const publicGuard = {
  resolve: async (name: string) => (name === "harvest.test" ? ["127.0.0.1"] : ["10.0.0.1"]),
  isPublic: (address: string) => address === "127.0.0.1",
  allowsPort: () => true,
};

async function serve(consent: string) {
  const client = bench.open({ publicGuard, archive: { gateway: gateway.url, key, dailyWinston: 1_000_000 } });
  return await serveForTest({ openClient: async () => client, consent: parseConsentRules(consent) });
}

describe("engram_archive", () => {
  test("archives a page under a standing rule", async () => {
    await using server = await serve("archive=allow");
    await using session = await connect(server, "auto");
    const { data, text } = await session.call("engram_archive", { source: page, metadata: { year: 2026 } });
    expect(data).toMatchObject({
      id: expect.stringMatching(/^m_/),
      type: "url",
      content_cid: expect.stringMatching(/^sha256:/),
      archive: { state: "signed", arweave_tx_id: expect.any(String), winston: expect.any(Number) },
    });
    expect(text).not.toContain("quinces");
    const found = await session.call("engram_query", { query: "when were the quinces picked?" });
    expect(found.text).toContain("ninth of October");
  });

  test.each([["archive=ask"], [""]])("asks a person before anything is fetched, with the rules %j", async (rules) => {
    await using server = await serve(rules);
    await using session = await connect(server, "auto");
    const source = `${page}?said=${"x".repeat(300)}-to-the-end`;
    const refused = await session.call("engram_archive", { source });
    expect(refused.data).toMatchObject({ code: "CONSENT_REQUIRED" });
    expect([visits, gateway.requests]).toEqual([[], []]);
    const code = /engram approve (\w+)/.exec(refused.text)?.[1] ?? "";
    const client = bench.open();
    const waiting = await client.approvals.pending(code);
    // The whole address: what it would carry out may stand at its end.
    expect(waiting?.summary).toMatch(/^Fetch "http.*harvest.*-to-the-end".*for ever.*at most 0\.0+1 AR/);
    await client.approvals.approve(code);
    const other = await session.call("engram_archive", { source: `${page}?said=other` });
    expect(other.data).toMatchObject({ code: "CONSENT_REQUIRED" });
    expect((await session.call("engram_archive", { source })).isError).toBe(false);
    expect(visits).toEqual([expect.stringContaining("-to-the-end")]);
  });

  test("without a wallet too, and again for every address", async () => {
    const client = bench.open({ publicGuard });
    await using server = await serveForTest({ openClient: async () => client, consent: parseConsentRules("") });
    await using session = await connect(server, "auto");
    const refused = await session.call("engram_archive", { source: page });
    expect(refused.data).toMatchObject({ code: "CONSENT_REQUIRED" });
    await client.approvals.approve(/engram approve (\w+)/.exec(refused.text)?.[1] ?? "");
    const made = await session.call("engram_archive", { source: page });
    expect(made.data).toMatchObject({ archive: { state: "off" } });
    const again = await session.call("engram_archive", { source: page });
    expect(again.data).toMatchObject({ code: "CONSENT_REQUIRED" });
    expect(visits).toEqual(["/harvest"]);
  });

  test.each([
    ["archive=deny,public=allow", {}],
    ["archive=allow,public=deny", { public: true }],
  ])("the stricter of two rules counts: %s", async (rules, more) => {
    await using server = await serve(rules);
    await using session = await connect(server, "auto");
    const denied = await session.call("engram_archive", { source: page, ...more });
    expect(denied.data).toMatchObject({ code: "CONSENT_DENIED" });
    expect((await bench.open().list({})).items).toEqual([]);
    expect(visits).toEqual([]);
  });

  test("reads no files over HTTP; over stdio a person is asked", async () => {
    const file = join(bench.home, "..", "harvest.txt");
    await writeFile(file, "The quinces were picked on the ninth of October.");
    await using server = await serve("archive=allow");
    await using session = await connect(server, "auto");
    expect((await session.call("engram_archive", { source: file })).data).toMatchObject({ code: "ARCHIVE_SOURCE" });

    const client = bench.open();
    const asked: string[] = [];
    const require = async ({ summary }: { readonly summary: string }) => void asked.push(summary);
    const context = { mayReadFiles: true, client: async () => client, consent: { require }, session: "s" };
    const made = await archiveTool.run({ source: file }, context as unknown as ToolContext);
    expect(made).toMatchObject({ title: "harvest.txt", archive: { state: "off" } });
    expect(asked).toEqual([expect.stringContaining("harvest.txt")]);
  });

  test.each(["http://169.254.169.254/latest/meta-data/", "http://inside.test/", "file:///etc/passwd"])(
    "fetches nothing from %s",
    async (source) => {
      await using server = await serve("archive=allow");
      await using session = await connect(server, "auto");
      const refused = await session.call("engram_archive", { source });
      expect(refused.data).toMatchObject({ code: expect.stringMatching(/^URL_(NOT_PUBLIC|INVALID)$/) });
    },
  );
});
