import { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import { isEngramError } from "../../src/crypto/errors.ts";
import { MAX_EMBED_CHARS } from "../../src/node/embedding/text-rules.ts";
import { UseLiteEmbedder } from "../../src/node/embedding/use-lite.ts";
import type { EmbedRequest } from "../../src/node/embedding/use-lite-worker.ts";

const code = (name: string) => (error: unknown) => isEngramError(error, name);
const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

describe("the built-in model", () => {
  const embedder = new UseLiteEmbedder();
  afterAll(() => embedder[Symbol.asyncDispose]());

  it("gives unit vectors of its profile, and meaning orders them", async () => {
    const texts = ["My dog loves the beach.", "A puppy enjoys the seaside.", "The invoice is due on Friday."];
    const [dog, puppy, invoice] = await embedder.embed(texts);
    if (!dog || !puppy || !invoice) throw new Error("a vector is missing");
    for (const vector of [dog, puppy, invoice]) {
      expect(vector.length).toBe(embedder.profile.dim);
      expect(dot(vector, vector)).toBeCloseTo(1, 4);
    }
    expect(dot(dog, puppy)).toBeGreaterThan(dot(dog, invoice) + 0.2);
  });

  it("gives the same bits alone, in company and from another thread", async () => {
    await using other = new UseLiteEmbedder();
    const texts = Array.from({ length: 12 }, (_, i) => `The ${i}th memory is ${"rather ".repeat(i)}long.`);
    const together = await embedder.embed(texts);
    const alone = [];
    for (const text of texts) alone.push(...(await other.embed([text])));
    expect(together).toEqual(alone);
  });

  it("hands out copies: a caller who scribbles on a vector harms nobody (M-W34)", async () => {
    const [first, twin] = await embedder.embed(["copy me", "copy me"]);
    first?.fill(0);
    const [second] = await embedder.embed(["copy me"]);
    expect(second).toEqual(twin);
    expect(second?.some((value) => value !== 0)).toBe(true);
    expect(second).not.toBe(twin);
  });

  it.each(["", "   ", "\n\t"])("refuses the empty text %j and embeds none of its neighbours", async (empty) => {
    await expect(embedder.embed(["fine", empty])).rejects.toSatisfy(code("EMBED_EMPTY"));
  });

  it("refuses an oversized text and takes one of exactly the limit", async () => {
    await expect(embedder.embed(["a".repeat(MAX_EMBED_CHARS + 1)])).rejects.toSatisfy(code("EMBED_TOO_LONG"));
    const [vector] = await embedder.embed(["word ".repeat(MAX_EMBED_CHARS / 5)]);
    expect(vector?.length).toBe(512);
  });
});

/** A stand-in for the model: answers with a vector whose first number is the text's length; dies at "die". */
const STUB = `
const { parentPort } = require("node:worker_threads");
parentPort.on("message", ({ id, text }) => {
  if (text === "die") process.exit(1);
  if (text === "hang") return;
  if (text === "damaged") return parentPort.postMessage({ id, vector: new Float32Array(3) });
  if (text === "refuse") return parentPort.postMessage({ id, error: "no such piece" });
  parentPort.postMessage({ id, vector: new Float32Array(512).fill(text.length, 0, 1) });
});`;

function stubbed(options: ConstructorParameters<typeof UseLiteEmbedder>[0] = {}) {
  const sent: string[] = [];
  let started = 0;
  const startWorker = (): Worker => {
    started++;
    const worker = new Worker(STUB, { eval: true });
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (request: EmbedRequest) => {
      sent.push(request.text);
      post(request);
    };
    return worker;
  };
  return { embedder: new UseLiteEmbedder(options, { startWorker }), sent, started: () => started };
}

describe("the queue before the model", () => {
  it("starts no thread before the first text", async () => {
    const { embedder, started } = stubbed();
    await embedder[Symbol.asyncDispose]();
    expect(started()).toBe(0);
  });

  it("joins concurrent callers into sent and embeds a text that several ask for once", async () => {
    const { embedder, sent } = stubbed();
    await using _ = embedder;
    const found = await Promise.all(["a", "bb", "a", "ccc", "bb"].map((text) => embedder.embed([text])));
    expect(found.map(([vector]) => vector?.[0])).toEqual([1, 2, 1, 3, 2]);
    expect(sent).toEqual(["a", "bb", "ccc"]);
  });

  it("lets a query overtake what waits in the background", async () => {
    const { embedder, sent } = stubbed();
    await using _ = embedder;
    const background = embedder.embed(["b1", "b2", "b3", "b4", "b5"], { priority: "background" });
    const query = embedder.embed(["question"]);
    const order: string[] = [];
    await Promise.all([background.then(() => order.push("background")), query.then(() => order.push("query"))]);
    expect(order).toEqual(["query", "background"]);
    expect(sent[0]).toBe("question");
  });

  it("promotes a waiting background text that somebody now waits for", async () => {
    const { embedder, sent } = stubbed();
    await using _ = embedder;
    const background = embedder.embed(["b1", "b2", "b3"], { priority: "background" });
    await Promise.all([background, embedder.embed(["b3"])]);
    expect(sent).toEqual(["b3", "b1", "b2"]);
  });

  it("answers a known text from the cache and asks again for one that fell out", async () => {
    const { embedder, sent } = stubbed({ cacheEntries: 1 });
    await using _ = embedder;
    for (const text of ["one", "one", "two", "one"]) await embedder.embed([text]);
    expect(sent).toEqual(["one", "two", "one"]);
  });

  it("drops a waiting text whose only caller gave up, and keeps one that another waits for", async () => {
    const { embedder, sent } = stubbed();
    await using _ = embedder;
    const controller = new AbortController();
    const gone = embedder.embed(["shared", "lonely"], { signal: controller.signal });
    const stays = embedder.embed(["shared"]);
    controller.abort(new Error("the agent left"));
    await expect(gone).rejects.toThrow("the agent left");
    await stays;
    expect(sent).toEqual(["shared"]);
    await expect(embedder.embed(["x"], { signal: controller.signal })).rejects.toThrow("the agent left");
  });

  it("refuses more than the queue holds, and works on", async () => {
    const { embedder } = stubbed({ queueLimit: 2 });
    await using _ = embedder;
    const kept = embedder.embed(["a", "b"]);
    await expect(embedder.embed(["c"])).rejects.toSatisfy(code("EMBEDDER_BUSY"));
    expect((await kept).length).toBe(2);
    expect((await embedder.embed(["c"])).length).toBe(1);
  });
});

describe("a model that fails", () => {
  it("says so when its thread dies, and the next call gets a fresh one", async () => {
    const { embedder, started } = stubbed();
    await using _ = embedder;
    await expect(embedder.embed(["die"])).rejects.toSatisfy(code("EMBEDDER_FAILED"));
    expect((await embedder.embed(["alive"])).length).toBe(1);
    expect(started()).toBe(2);
  });

  it("gives up on a thread that does not answer", async () => {
    const { embedder, started } = stubbed({ deadlineMs: 50 });
    await using _ = embedder;
    await expect(embedder.embed(["hang"])).rejects.toThrow(/within 50 ms/);
    expect(started()).toBe(1);
  });

  it.each(["damaged", "refuse"])("never passes on an answer that is %s, nor caches it", async (text) => {
    const { embedder, sent } = stubbed();
    await using _ = embedder;
    await expect(embedder.embed([text])).rejects.toSatisfy(code("EMBEDDER_FAILED"));
    await expect(embedder.embed([text])).rejects.toSatisfy(code("EMBEDDER_FAILED"));
    expect(sent.length).toBe(2);
  });

  it("fails those who wait when it is closed, and everybody after", async () => {
    const { embedder } = stubbed();
    const waiting = embedder.embed(["hang"]);
    const [outcome] = await Promise.allSettled([waiting, embedder[Symbol.asyncDispose]()]);
    expect(outcome.status).toBe("rejected");
    await expect(embedder.embed(["late"])).rejects.toSatisfy(code("EMBEDDER_CLOSED"));
  });
});
