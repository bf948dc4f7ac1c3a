import { readFile, writeFile } from "node:fs/promises";
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
let file: string;
beforeEach(async () => {
  bench = await ClientBench.make();
  gateway = await ArweaveGateway.start();
  file = join(bench.home, "..", "harvest.txt");
  await writeFile(file, "The quinces were picked on the ninth of October.");
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

async function serve(consent: string) {
  const client = bench.open({ archive: { gateway: gateway.url, key, dailyWinston: 1_000_000 } });
  return await serveForTest({ openClient: async () => client, consent: parseConsentRules(consent) });
}

describe("engram_archive", () => {
  test("archives for whoever may, on this machine alone without a question", async () => {
    await using server = await serve("");
    await using session = await connect(server, "auto");
    const { data, text } = await session.call("engram_archive", { source: file, metadata: { year: 2026 } });
    expect(data).toMatchObject({
      id: expect.stringMatching(/^m_/),
      type: "text",
      title: "harvest.txt",
      content_cid: expect.stringMatching(/^sha256:/),
      archive: { state: "signed", arweave_tx_id: expect.any(String), winston: expect.any(Number) },
    });
    expect(text).not.toContain("quinces");
    const found = await session.call("engram_query", { query: "when were the quinces picked?" });
    expect(found.text).toContain("ninth of October");
  });

  test("asks a person first: what it costs, and that it stays for ever", async () => {
    await using server = await serve("archive=ask");
    await using session = await connect(server, "auto");
    const refused = await session.call("engram_archive", { source: file });
    expect(refused.data).toMatchObject({ code: "CONSENT_REQUIRED" });
    expect(gateway.requests.filter((request) => request.startsWith("POST"))).toEqual([]);
    const code = /engram approve (\w+)/.exec(refused.text)?.[1] ?? "";
    const client = bench.open();
    const waiting = await client.approvals.pending(code);
    expect(waiting?.summary).toMatch(/harvest\.txt.*for ever.*about 0\.\d+ AR, at most 0\.\d+ AR/);
    await client.approvals.approve(code);
    expect((await session.call("engram_archive", { source: file })).isError).toBe(false);
  });

  test.each([
    ["archive=deny,public=allow", {}],
    ["archive=allow,public=deny", { public: true }],
  ])("the stricter of two rules counts: %s", async (rules, more) => {
    await using server = await serve(rules);
    await using session = await connect(server, "auto");
    const denied = await session.call("engram_archive", { source: file, ...more });
    expect(denied.data).toMatchObject({ code: "CONSENT_DENIED" });
    expect((await bench.open().list({})).items).toEqual([]);
  });

  test("shows a principal with a token no file of this machine", async () => {
    const context = { mayReadFiles: false, client: () => Promise.reject(new Error("not opened")) };
    const refused = archiveTool.run({ source: file }, context as unknown as ToolContext);
    await expect(refused).rejects.toMatchObject({ code: "ARCHIVE_SOURCE" });
    expect((await readFile(file)).length).toBeGreaterThan(0);
  });

  test.each(["http://169.254.169.254/latest/meta-data/", "http://[::ffff:127.0.0.1]/", "file:///etc/passwd"])(
    "fetches nothing from %s",
    async (source) => {
      await using server = await serve("archive=allow");
      await using session = await connect(server, "auto");
      const refused = await session.call("engram_archive", { source });
      expect(refused.data).toMatchObject({ code: expect.stringMatching(/^URL_(NOT_PUBLIC|INVALID)$/) });
    },
  );
});
