import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseConsentRules } from "../../src/mcp/consent.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import { verifyReceipt } from "../../src/relay/receipt.ts";
import { engram, engramJson } from "../cli/engram.ts";
import { get, type ReplyBody } from "../relay/gateway/gateway-kit.ts";
import { quiet } from "../support/client-bench.ts";
import { FakeMemoryClient, type FakeOptions } from "../support/fake-memory-client.ts";
import type { McpSession, ToolAnswer } from "../support/mcp-clients.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";
import { inference, RelayBench } from "./relay-bench.ts";

let bench: RelayBench;
beforeAll(async () => {
  bench = await RelayBench.open();
});
afterAll(() => bench[Symbol.asyncDispose]());

const jobOf = ({ data, text }: ToolAnswer): string => {
  if (typeof data["job"] !== "string") throw new Error(`no job: ${text}`);
  return data["job"];
};

/** Asks until a job has come to its end. */
async function ended(session: McpSession, job: string): Promise<Record<string, unknown>> {
  return await vi.waitFor(
    async () => {
      const { data } = await session.call("engram_relay_status", { job });
      expect(data["state"]).toMatch(/delivered|parked|abandoned|orphaned/);
      return data;
    },
    { timeout: 20_000, interval: 50 },
  );
}

describe("an inference", () => {
  test("is delivered with the gateway's receipt, and the same again is the same job", async () => {
    const home = await bench.home();
    await using session = await bench.session(home);
    expect((await session.call("engram_status")).data).not.toHaveProperty("relay");
    expect((await session.call("engram_relay_status")).data).toMatchObject({ jobs: [], note: expect.any(String) });

    const first = await session.call("engram_relay_submit", inference);
    const job = jobOf(first);
    expect(first.data).toMatchObject({ created: true, output_hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(first.text).not.toContain("tomatoes");
    const status = await ended(session, job);
    expect(status).toMatchObject({ state: "delivered", type: "inference", assurance: "author", attempts: 0 });
    expect(status["receipt"]).toMatchObject({ assurance: "author", gateway_seq: expect.any(Number) });
    const signedHash = String(status["signed_hash"]);
    const kept = await get<ReplyBody>(bench.gateway, `/relay/${signedHash}`);
    const receipt = await verifyReceipt(kept.receipt, bench.gateway.hotkey, signedHash);
    expect(status["receipt"]).toMatchObject({ receipt_hash: receipt.receipt_hash });

    const again = await session.call("engram_relay_submit", { ...inference });
    expect(again.data).toEqual({ job, state: "delivered", output_hash: first.data["output_hash"], created: false });
    const other = await session.call("engram_relay_submit", { ...inference, completion: "Nothing grows there." });
    expect(jobOf(other)).not.toBe(job);
    await ended(session, jobOf(other));

    const bySigned = await session.call("engram_relay_status", { job: signedHash });
    expect(bySigned.data).toEqual(status);
    const overview = (await session.call("engram_relay_status")).data;
    expect(overview).toMatchObject({ states: { delivered: 2 }, jobs: [{ type: "inference" }, { job }] });
    expect((await session.call("engram_status")).data).toMatchObject({
      relay: { underway: 0, delivered: 2, failed: 0 },
      budget: { limit: "$0.00", left: "$0.00" },
    });
    const { contents } = await session.client.readResource({ uri: `engram://relay/${job}` });
    expect(JSON.parse(String((contents[0] as { text: string }).text))).toEqual(status);
    const completed = await session.client.complete({
      ref: { type: "ref/resource", uri: "engram://relay/{job}" },
      argument: { name: "job", value: job.slice(0, 12) },
    });
    expect(completed.completion.values).toEqual([job]);

    // The command line reads the same outbox, while the server runs.
    const listed = await engramJson<{ submissions: readonly { job: string }[] }>(home, ["relay", "list"]);
    expect(listed.submissions.map((one) => one.job)).toContain(job);
    expect((await engram(home, ["relay", "replay", job])).stderr).toContain("engram relay list");
  });

  test("without a gateway nothing pretends to be sent", async () => {
    const home = await bench.home();
    const off = bench.relaying(home, { XERIS_RELAY_URL: undefined });
    await using session = await bench.session(home, { relaying: off });
    expect((await session.call("engram_relay_submit", inference)).data).toMatchObject({
      code: "GATEWAY_NOT_CONFIGURED",
      fix: expect.stringContaining("XERIS_RELAY_URL"),
    });
    const unpinned = bench.relaying(home, { ENGRAM_GATEWAY_HOTKEY: undefined });
    await using second = await bench.session(home, { relaying: unpinned });
    expect((await second.call("engram_relay_submit", inference)).data).toMatchObject({ code: "CONFIG_INVALID" });
    const dry = bench.relaying(home, { ENGRAM_RELAY_ENABLED: "false" });
    await using third = await bench.session(home, { relaying: dry });
    const { data } = await third.call("engram_relay_submit", inference);
    expect(data).toEqual({ dry_run: true, output_hash: expect.any(String), created: false });
    expect((await third.call("engram_relay_status")).data).toMatchObject({ states: {}, jobs: [] });
  });

  test("wrong arguments, unknown jobs and secrets are named", async () => {
    const home = await bench.home();
    await using session = await bench.session(home);
    for (const [args, says] of [
      [{ type: "inference", model: "m", prompt: "p" }, "completion"],
      [{ type: "memory" }, "ids"],
      [{ ...inference, ids: ["m_aaaaaaaaaaaaaaaa"] }, "ids"],
      [{ type: "memory", ids: ["m_aaaaaaaaaaaaaaaa"], completion: "x" }, "completion"],
      [{ ...inference, prompt_sha256: "x" }, "prompt"],
      [{ ...inference, request_id: "x" }, "request_id"],
      [{ ...inference, completion: "x".repeat(16_385) }, "completion"],
    ] as const) {
      const { data, text } = await session.call("engram_relay_submit", args);
      expect(data["code"], text).toBe("INVALID_ARGUMENTS");
      expect(text).toContain(says);
    }
    const token = `ghp_${"a1B2".repeat(9)}`;
    const secret = await session.call("engram_relay_submit", { ...inference, completion: `use ${token} there` });
    expect(secret.data).toMatchObject({ code: "SECRET_FOUND", message: expect.stringContaining("characters 4 to 44") });
    expect(secret.text).not.toContain(token);
    // What is only hashed is not published.
    const job = jobOf(await session.call("engram_relay_submit", { ...inference, prompt: `what is ${token}?` }));
    await ended(session, job);
    const wrong = `${job.slice(0, -1)}x`;
    expect((await session.call("engram_relay_status", { job: wrong })).data).toMatchObject({
      code: "RELAY_JOB_UNKNOWN",
      fix: `Did you mean ${job}?`,
    });
    expect((await session.call("engram_relay_status", { job: "nonsense" })).data["fix"]).toContain("without job");
    await expect(session.client.readResource({ uri: "engram://relay/nonsense" })).rejects.toThrow();
  });
});

describe("a person decides", () => {
  type Variables = Readonly<Record<string, string>>;
  const beyond: Variables = { XERIS_RELAY_URL: "https://gateway.example.org" };

  test.each<readonly [string, Variables, FakeOptions]>([
    ["a gateway elsewhere", beyond, {}],
    ["a real chain", {}, { chain: "0xabc" }],
    ["a miner elsewhere", {}, { minerUrls: ["https://miner.example:8091"] }],
    [
      "a payment chain elsewhere",
      { ENGRAM_DAILY_BUDGET_USD: "1", ENGRAM_PAYMENT_RPC_URL: "https://rpc.example.org" },
      {},
    ],
  ])("with %s, and nothing is queued before", async (_, more, fake) => {
    const home = await bench.home();
    const client = new FakeMemoryClient(fake);
    const relaying = bench.relaying(home, more);
    await using session = await bench.session(home, { relaying, openClient: async () => client });
    const { data } = await session.call("engram_relay_submit", inference);
    expect(data).toMatchObject({ code: "CONSENT_REQUIRED", fix: expect.stringMatching(/engram approve \w{8}/) });
    const code = /approve (\w+)/.exec(String(data["fix"]))?.[1] ?? "";
    const { summary } = (await client.approvals.pending(code)) ?? { summary: "" };
    expect(summary).toContain(new URL(more["XERIS_RELAY_URL"] ?? bench.gateway.url).host);
    expect(summary).toContain(inference.completion);
    expect(summary).toContain(
      "ENGRAM_DAILY_BUDGET_USD" in more
        ? "up to $0.05; today's budget has $1.00 of $1.00 left"
        : "Nothing may be paid for it",
    );
    expect((await session.call("engram_relay_status")).data).toMatchObject({ states: {} });
  });

  test("an approval holds for these arguments alone and once; a standing rule allows or forbids", async () => {
    const home = await bench.home();
    const client = new FakeMemoryClient({ chain: "0xabc" });
    const openClient = async () => client;
    await using session = await bench.session(home, { openClient });
    const asked = await session.call("engram_relay_submit", inference);
    await client.approvals.approve(/approve (\w+)/.exec(String(asked.data["fix"]))?.[1] ?? "");
    const changed = { ...inference, completion: "Something else." };
    expect((await session.call("engram_relay_submit", changed)).data).toMatchObject({ code: "CONSENT_REQUIRED" });
    const job = jobOf(await session.call("engram_relay_submit", inference));
    await ended(session, job);
    // Nothing more is published or paid: nobody is asked.
    expect((await session.call("engram_relay_submit", inference)).data).toMatchObject({ job, created: false });
    expect((await session.call("engram_relay_submit", changed)).data).toMatchObject({ code: "CONSENT_REQUIRED" });

    const allow = { openClient, consent: parseConsentRules("relay=allow") };
    await using allowed = await bench.session(await bench.home(), allow);
    await ended(allowed, jobOf(await allowed.call("engram_relay_submit", inference)));
    await using denied = await bench.session(await bench.home(), { consent: parseConsentRules("relay=deny") });
    expect((await denied.call("engram_relay_submit", inference)).data).toMatchObject({ code: "CONSENT_DENIED" });
  });
});

describe("memories", () => {
  test("go out as miners show them; private ones never, and more copies make no second job", async () => {
    const home = await bench.home();
    await using miners = await TcpMiners.start(3);
    await using client = openEngram({ home, log: quiet, embedder: new TestEmbedder(), miners: miners.list });
    await using session = await bench.session(home, { openClient: async () => client });
    const store = async (args: object) => {
      const { data } = await session.call("engram_store", { ...args });
      return (data["stored"] as readonly { readonly id: string }[]).map(({ id }) => id);
    };
    const [hidden = ""] = await store({ text: "the key is under the mat" });
    const ids = await store({
      items: [{ text: "the ferry leaves at noon" }, { text: "pans want heat" }],
      public: true,
    });
    expect((await session.call("engram_relay_submit", { type: "memory", ids: [hidden] })).data).toMatchObject({
      code: "MEMORY_PRIVATE",
      fix: expect.stringContaining("public: true"),
    });
    const args = { type: "memory", ids, query: "when does the ferry leave" };
    const first = await session.call("engram_relay_submit", args);
    const status = await ended(session, jobOf(first));
    expect(status).toMatchObject({ state: "delivered", type: "memory" });
    await client.settle();
    await miners.stop(0);
    const again = await session.call("engram_relay_submit", args);
    expect(again.data).toMatchObject({ job: status["job"], created: false });

    const read = await session.call("engram_intelligence", { types: ["memory"], min_assurance: "author" });
    const items = read.data["items"] as readonly {
      id: string;
      content: { miner_hotkey: string; items: readonly object[] };
    }[];
    const item = items.find(({ id }) => id === status["signed_hash"]);
    expect(item?.content.items).toMatchObject([
      { rank: 1, text: "the ferry leaves at noon", cid: expect.stringMatching(/^v1::/), trust_tier: "anonymous" },
      { rank: 2, text: "pans want heat" },
    ]);
    expect(miners.miners.map(({ hotkey }) => hotkey)).toContain(item?.content.miner_hotkey);
    expect(read.text).not.toContain("under the mat");

    await using pinned = await bench.session(home, { openClient: async () => client, namespace: "garden" });
    expect((await pinned.call("engram_relay_submit", args)).data).toMatchObject({ code: "NAMESPACE_PINNED" });
  });
});
