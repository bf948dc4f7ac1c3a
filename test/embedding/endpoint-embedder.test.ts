import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EmbeddingBudget } from "../../src/node/embedding/embedding-budget.ts";
import { type EndpointSettings, readEmbeddingSettings } from "../../src/node/embedding/embedding-settings.ts";
import { EndpointEmbedder } from "../../src/node/embedding/endpoint-embedder.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { EmbeddingServer, send } from "../support/embedding-server.ts";
import { TestClock } from "../support/test-clock.ts";

const DIM = 8;
let server: EmbeddingServer;
beforeEach(async () => {
  server = await EmbeddingServer.start(DIM);
});
afterEach(() => server[Symbol.asyncDispose]());

function settings(over: Partial<EndpointSettings> = {}): EndpointSettings {
  const key = new Secret("sk-very-secret");
  return { kind: "openai", baseUrl: server.url, model: "small", dim: DIM, key, price: 0, dailyBudget: 0, ...over };
}

function vectors(data: readonly unknown[]) {
  return { object: "list", data: data.map((embedding, index) => ({ index, embedding })) };
}

const ones = Array.from({ length: DIM }, () => 1);

describe("an OpenAI-compatible endpoint", () => {
  test("is asked for floats with the key, in requests of at most 32 texts, and its vectors come back as units in order", async () => {
    await using embedder = new EndpointEmbedder(settings());
    const texts = Array.from({ length: 70 }, (_, index) => `text ${"abcdefgh"[index % 8]} number ${index}`);
    const found = await embedder.embed([...texts, texts[0] as string]);
    expect(server.calls.map(({ body }) => body.input.length).sort()).toEqual([32, 32, 6]);
    for (const { path, headers, body } of server.calls) {
      expect([path, headers.authorization]).toEqual(["/v1/embeddings", "Bearer sk-very-secret"]);
      expect(body).toMatchObject({ model: "small", encoding_format: "float" });
    }
    for (const vector of found) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    const alone = await embedder.embed([texts[41] as string]);
    expect(found[41]).toEqual(alone[0]);
    expect(found[70]).toEqual(found[0]);
    // Known by now: nobody was asked again.
    expect(server.calls).toHaveLength(3);
    found[0]?.fill(0);
    expect((await embedder.embed([texts[0] as string]))[0]).toEqual(found[70]);
  });

  test.each<[string, unknown, RegExp]>([
    ["another dimension", vectors([ones.slice(1)]), /7 numbers, not 8/],
    ["null among its numbers", vectors([[...ones.slice(1), null]]), /no finite number/],
    ["bare NaN", `{"data":[{"index":0,"embedding":[NaN,1,1,1,1,1,1,1]}]}`, /endpoint/],
    ["a number beyond every double", `{"data":[{"index":0,"embedding":[1e999,1,1,1,1,1,1,1]}]}`, /no finite number/],
    ["zeros alone", vectors([ones.map(() => 0)]), /without direction/],
    ["base64", vectors([Buffer.from(Float32Array.from(ones).buffer).toString("base64")]), /base64/],
    ["a vector too many", vectors([ones, ones]), /2 vectors for 1 text/],
    ["an index of nothing", { data: [{ index: 1, embedding: ones }] }, /numbers its vectors wrongly/],
    ["something else", { error: { message: "no such model" } }, /none of an embeddings endpoint/],
  ])("that answers with %s gives no vector", async (_, answer, sentence) => {
    server.otherwise = (_call, response) => send(response, 200, answer);
    await using embedder = new EndpointEmbedder(settings());
    await expect(embedder.embed(["a text"])).rejects.toMatchObject({
      code: expect.stringMatching(/^EMBEDDER_(ANSWER|FAILED)$/),
      message: expect.stringMatching(sentence),
    });
  });

  test("that says nothing keeps nobody waiting, and what the background asks delays no question", async () => {
    const silent: unknown[] = [];
    const hold = (_: unknown, response: unknown) => void silent.push(response);
    server.next.push(hold, hold);
    await using embedder = new EndpointEmbedder(settings(), { patienceMs: 50 });
    const stop = new AbortController();
    const background = ["first", "second"].map((text) =>
      embedder.embed([text], { priority: "background", signal: stop.signal }).catch(() => undefined),
    );
    await vi.waitFor(() => expect(silent).toHaveLength(2));
    expect(await embedder.embed(["a question"])).toHaveLength(1);
    server.next.push(hold);
    await expect(embedder.embed(["another question"])).rejects.toMatchObject({ code: "EMBEDDER_FAILED" });
    stop.abort();
    await Promise.all(background);
  });

  test("that is busy is asked again, three times at most", async () => {
    const busy = { error: { message: "slow down, sk-very-secret" } };
    const refuse = (_: unknown, response: Parameters<typeof send>[0]) =>
      send(response, 429, busy, { "retry-after-ms": "1" });
    server.next.push(refuse, refuse);
    await using embedder = new EndpointEmbedder(settings());
    expect(await embedder.embed(["patience"])).toHaveLength(1);
    expect(server.calls).toHaveLength(3);
    server.otherwise = refuse;
    const error = await embedder.embed(["no patience"]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "EMBEDDER_FAILED",
      retryAfterMs: 5_000,
      message: expect.stringContaining("429"),
    });
    expect(server.calls).toHaveLength(6);
    expect((error as Error).message).not.toContain("slow down");
  });

  test("that hangs, before its answer or within it, is given up; a caller who leaves does not wait for that", async () => {
    const hang = () => undefined;
    server.otherwise = hang;
    await using embedder = new EndpointEmbedder(settings(), { deadlineMs: 60 });
    await expect(embedder.embed(["silence"])).rejects.toMatchObject({ code: "EMBEDDER_FAILED" });
    server.otherwise = (_, response) => void response.writeHead(200, { "content-type": "application/json" }).write("{");
    await expect(embedder.embed(["half"])).rejects.toMatchObject({ code: "EMBEDDER_FAILED" });
    server.otherwise = hang;
    await using patient = new EndpointEmbedder(settings());
    const leave = new AbortController();
    const waiting = patient.embed(["gone"], { signal: leave.signal });
    leave.abort(new Error("the agent left"));
    await expect(waiting).rejects.toThrow("the agent left");
  });

  test("is followed nowhere else, and sends no more than vectors of the profile take", async () => {
    await using elsewhere = await EmbeddingServer.start(DIM);
    server.next.push((_, response) => send(response, 307, "", { location: `${elsewhere.url}/embeddings` }));
    await using embedder = new EndpointEmbedder(settings());
    await expect(embedder.embed(["moved"])).rejects.toMatchObject({ code: "EMBEDDER_FAILED" });
    expect(elsewhere.calls).toEqual([]);
    server.otherwise = (_, response) => send(response, 200, " ".repeat(200_000));
    await expect(embedder.embed(["flood"])).rejects.toMatchObject({ code: "EMBEDDER_FAILED" });
  });

  test("hears of no text that is empty or too long, and tells apart its own limit", async () => {
    await using embedder = new EndpointEmbedder(settings());
    await expect(embedder.embed(["fine", " "])).rejects.toMatchObject({ code: "EMBED_EMPTY" });
    await expect(embedder.embed(["a".repeat(16_385)])).rejects.toMatchObject({ code: "EMBED_TOO_LONG" });
    expect(server.calls).toEqual([]);
    server.next.push((_, response) => send(response, 400, { error: { code: "context_length_exceeded" } }));
    await expect(embedder.embed(["long for a small model"])).rejects.toMatchObject({ code: "EMBED_TOO_LONG" });
    // Of a wrong name of the model no text is to blame.
    server.next.push((_, response) => send(response, 404, { error: { message: "model not found" } }));
    await expect(embedder.embed(["good"])).rejects.toMatchObject({ code: "EMBEDDER_FAILED" });
  });

  test("lets only so many texts wait", async () => {
    await using embedder = new EndpointEmbedder(settings(), { queueLimit: 2 });
    await expect(embedder.embed(["a", "b", "c"])).rejects.toMatchObject({ code: "EMBEDDER_BUSY" });
    expect(await embedder.embed(["a", "b", "a"])).toHaveLength(3);
  });

  test("is not asked any more once it is closed", async () => {
    const embedder = new EndpointEmbedder(settings());
    server.otherwise = () => undefined;
    const waiting = expect(embedder.embed(["late"])).rejects.toMatchObject({ code: "EMBEDDER_CLOSED" });
    await expect.poll(() => server.calls.length).toBe(1);
    await embedder[Symbol.asyncDispose]();
    await waiting;
    await expect(embedder.embed(["later"])).rejects.toMatchObject({ code: "EMBEDDER_CLOSED" });
  });
});

describe("a priced endpoint", () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "engram-embed-budget-"));
  });
  afterEach(() => rm(home, { recursive: true }));
  // A dollar a token: "one two three" is three tokens to the server and at most 13, its bytes.
  const priced = (dailyBudget: number) => settings({ price: 1e6, dailyBudget });
  const open = (dailyBudget: number, clock: TestClock) =>
    new EndpointEmbedder(
      priced(dailyBudget),
      {},
      { budget: new EmbeddingBudget(priced(dailyBudget), { home, clock }) },
    );

  test("is asked only while the day's budget reaches, in whichever process, and after a restart", async () => {
    const clock = new TestClock(Date.UTC(2026, 10, 22, 12));
    await expect(useOnce(open(12, clock))).rejects.toMatchObject({ code: "EMBED_BUDGET" });
    expect(server.calls).toEqual([]);
    // 13 set aside, 3 spent; then 16 and 6; then 19 would be above 18.
    await useOnce(open(18, clock));
    await useOnce(open(18, clock));
    await expect(useOnce(open(18, clock))).rejects.toMatchObject({ code: "EMBED_BUDGET" });
    clock.time += 86_400_000;
    await useOnce(open(18, clock));
    expect(server.calls).toHaveLength(3);
  });

  test("keeps what was set aside for an answer that failed: it may have been charged", async () => {
    const clock = new TestClock(Date.UTC(2026, 10, 22, 12));
    server.next.push((_, response) => send(response, 200, "{}"));
    await expect(useOnce(open(20, clock))).rejects.toMatchObject({ code: "EMBEDDER_ANSWER" });
    await expect(useOnce(open(20, clock))).rejects.toMatchObject({ code: "EMBED_BUDGET" });
  });

  test("pays for every attempt, and makes none that the budget does not reach for", async () => {
    const clock = new TestClock(Date.UTC(2026, 10, 22, 12));
    const fail = (_: unknown, response: Parameters<typeof send>[0]) =>
      send(response, 500, {}, { "retry-after-ms": "1" });
    server.next.push(fail, fail);
    // 13 set aside for each of two attempts; 39 would be above 38.
    await expect(useOnce(open(38, clock))).rejects.toMatchObject({ code: "EMBED_BUDGET" });
    expect(server.calls).toHaveLength(2);
    server.next.length = 0;
    clock.time += 86_400_000;
    server.next.push(fail, fail);
    // 26 stay spent, and 3 for the one that was answered.
    await useOnce(open(39, clock));
    await expect(useOnce(open(41, clock))).rejects.toMatchObject({ code: "EMBED_BUDGET" });
    await useOnce(open(42, clock));
  });

  async function useOnce(embedder: EndpointEmbedder): Promise<void> {
    await using open = embedder;
    await open.embed(["one two three"]);
  }
});

describe("the settings", () => {
  const endpoint = { ENGRAM_EMBEDDER: "openai", ENGRAM_EMBED_MODEL: "m", ENGRAM_EMBED_DIM: "768" };
  const here = { ...endpoint, ENGRAM_EMBED_URL: "http://127.0.0.1:11434/v1" };
  const there = { ...endpoint, ENGRAM_EMBED_URL: "https://api.example.org/v1" };

  test("name the built-in model unless another is wanted", () => {
    expect(readEmbeddingSettings({ OPENAI_API_KEY: "sk-1" })).toEqual({ kind: "built-in" });
    expect(readEmbeddingSettings({ ENGRAM_EMBEDDER: "minilm" })).toEqual({ kind: "minilm", folder: undefined });
  });

  test("show a key nowhere, and OPENAI_API_KEY to nobody on this machine", () => {
    const read = readEmbeddingSettings({ ...there, ENGRAM_EMBED_PRICE_USD: "0.02", OPENAI_API_KEY: "sk-1" });
    if (read.kind !== "openai") throw new Error("another kind");
    expect(read.key.reveal()).toBe("sk-1");
    expect(inspect(read) + JSON.stringify(read)).not.toContain("sk-1");
    const local = readEmbeddingSettings({ ...here, OPENAI_API_KEY: "sk-1" });
    expect(local).toMatchObject({ price: 0, dim: 768 });
    expect(local.kind === "openai" && local.key.reveal()).toBe("none");
    const named = readEmbeddingSettings({ ...here, ENGRAM_EMBED_KEY: "sk-2" });
    expect(named.kind === "openai" && named.key.reveal()).toBe("sk-2");
  });

  test.each([
    ["without a dimension", { ...here, ENGRAM_EMBED_DIM: undefined }],
    ["without an address", endpoint],
    ["elsewhere without a price", there],
    ["of a kind that is none", { ENGRAM_EMBEDDER: "cohere" }],
  ])("are refused %s", (_, environment) => {
    expect(() => readEmbeddingSettings(environment)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});
