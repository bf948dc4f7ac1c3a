import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { type GatewayStore, openGatewayStore } from "../../../src/relay/gateway/gateway-store.ts";
import { newToken, Readers, type Scope, tokenHash } from "../../../src/relay/gateway/readers.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { WebhookMetrics } from "../../../src/relay/gateway/webhook-metrics.ts";
import { WebhookPusher } from "../../../src/relay/gateway/webhook-pusher.ts";
import { openWebhookSecrets } from "../../../src/relay/gateway/webhook-secrets.ts";
import { signWebhook, verifyWebhook } from "../../../src/relay/gateway/webhook-signature.ts";
import { checkWebhookUrl, webhookFetch } from "../../../src/relay/gateway/webhook-url.ts";
import { addWebhook } from "../../../src/relay/gateway/webhooks.ts";
import { UNFIT_URLS } from "../../support/unfit-urls.ts";
import { StillClock, silent } from "../relay-kit.ts";
import { GatewayKit, post } from "./gateway-kit.ts";
import { WebhookReceiver } from "./webhook-receiver.ts";

const DAY_MS = 86_400_000;
const script = fileURLToPath(new URL("./gateway-process.ts", import.meta.url));

let kit: GatewayKit;
let gateway: RunningGateway;
let store: GatewayStore;
let token: string;
beforeAll(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start();
  store = openGatewayStore(kit.config().folder);
  token = await reader("one", ["feed"]);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

let made = 0;
/** Has the gateway accept so many inferences; their numbers. */
async function accept(count: number): Promise<number[]> {
  const seqs: number[] = [];
  for (let one = 0; one < count; one += 1) {
    made += 1;
    const { text } = await kit.inference({}, `answer ${made}`);
    const { status, body } = await post(gateway, text);
    expect(status).toBe(201);
    seqs.push(body.receipt?.gateway_seq ?? 0);
  }
  return seqs;
}

async function reader(name: string, scopes: readonly Scope[]): Promise<string> {
  const made = newToken();
  await store.call("addReader", { name, hash: tokenHash(made), scopes });
  return made;
}

/** A pusher of its own beside the gateway's, whose time stands still, for a webhook that the gateway's never sees due. */
async function pusher(clock: StillClock, http = createHttpClient(webhookFetch(true))) {
  const metrics = new WebhookMetrics(store);
  const secrets = await openWebhookSecrets(kit.config().folder);
  const readers = new Readers(store, []);
  const deps = { store, readers, secrets, clock, log: silent, metrics, http, deadAfterMs: 7 * DAY_MS, draw: () => 1 };
  return { pusher: new WebhookPusher(deps), metrics, secrets };
}

describe("a webhook", () => {
  test("is registered by its reader, gets each item once and in order, signed; the secret is shown once", async () => {
    await using receiver = await WebhookReceiver.open();
    const ask = async (method: string, path: string, body?: object, bearer: string | null = token) => {
      const headers = { "content-type": "application/json", ...(bearer ? { authorization: `Bearer ${bearer}` } : {}) };
      const reply = await fetch(gateway.url + path, {
        method,
        headers,
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
    };
    const wanted = { url: receiver.url, min_assurance: "author" };
    expect((await ask("POST", "/v1/webhooks", wanted, null)).status).toBe(401);
    expect((await ask("POST", "/v1/webhooks", { url: "http://10.0.0.1/hook" })).status).toBe(400);
    const added = await ask("POST", "/v1/webhooks", wanted);
    expect(added).toMatchObject({ status: 201, body: { id: expect.stringMatching(/^wh_/) } });
    const { id, secret } = added.body as { readonly id: string; readonly secret: string };
    const seqs = await accept(3);
    await receiver.heard(3);
    expect(receiver.seqs).toEqual(seqs);
    expect(receiver.arrived.map((one) => receiver.verify(secret, one))).toEqual(seqs);
    expect(new Set(receiver.arrived.map((one) => one.id)).size).toBe(3);
    expect(receiver.arrived[0]?.body).toContain("untrusted");
    const listed = await ask("GET", "/v1/webhooks");
    expect(listed.body).toMatchObject({ webhooks: [{ id, state: "active" }] });
    expect(JSON.stringify(listed.body)).not.toContain(secret);
    const { folder } = kit.config();
    expect((await readFile(join(folder, "gateway.sqlite-wal"))).toString("latin1")).not.toContain(secret.slice(6));
    expect((await stat(join(folder, "webhook-key"))).mode & 0o777).toBe(0o600);

    const other = await reader("other", ["feed"]);
    expect((await ask("DELETE", `/v1/webhooks/${id}`, undefined, other)).status).toBe(404);
    expect((await ask("DELETE", `/v1/webhooks/${id}`)).status).toBe(200);
    await accept(1);
    expect(receiver.seqs).toEqual(seqs);
  });

  test("shows each reader what its scopes show, and nothing once its reader is gone", async () => {
    await reader("leaver", ["feed"]);
    await using receiver = await WebhookReceiver.open();
    const { pusher: own } = await pusher(clockNow());
    await using _ = own;
    const secrets = await openWebhookSecrets(kit.config().folder);
    const ask = { url: receiver.url, types: ["ranking"], minAssurance: "payer", after: null, loopback: true } as const;
    await addWebhook(store, secrets, { reader: "leaver", ...ask });
    expect((await store.call("webhooks", { reader: "leaver" })).length).toBe(1);
    await store.call("removeReader", { name: "leaver" });
    expect(await store.call("webhooks", { reader: "leaver" })).toEqual([]);
    await expect(addWebhook(store, secrets, { reader: "leaver", ...ask })).rejects.toMatchObject({
      code: "WEBHOOK_READER",
    });
    await reader("many", ["feed"]);
    for (let one = 0; one < 8; one += 1) await addWebhook(store, secrets, { reader: "many", ...ask });
    await expect(addWebhook(store, secrets, { reader: "many", ...ask })).rejects.toMatchObject({
      code: "WEBHOOK_LIMIT",
    });
    await store.call("removeReader", { name: "many" });
  });
});

function clockNow(): StillClock {
  const clock = new StillClock();
  clock.time = Date.now();
  return clock;
}

describe("a receiver that is away", () => {
  /** A webhook whose deliveries the running gateway leaves to the test: it looks at its reader's scopes at every one. */
  async function scene(name: string) {
    const receiver = await WebhookReceiver.open();
    const clock = clockNow();
    const { pusher: own, secrets, metrics } = await pusher(clock);
    await reader(name, ["feed"]);
    // Behind what is accepted below, and due far in the gateway's future until this test's clock gets there.
    clock.time += 30 * DAY_MS;
    const after = await store.call("lastSeq", null);
    const { id, secret } = await addWebhook(store, secrets, {
      ...{ reader: name, url: receiver.url, types: [], minAssurance: "author", after, loopback: true },
    });
    const failed = { id, code: "test", nextAt: clock.time, gone: false, deadAfterMs: 365 * DAY_MS, now: clock.time };
    await store.call("webhookFailed", failed);
    const now = async () => (await store.call("webhooks", { reader: name }))[0];
    return { receiver, clock, own, id, secret, metrics, now };
  }

  test("gets everything later, in order, from where it stopped; waits double, and a redirect is no delivery", async () => {
    const { receiver, clock, own, now, secret, metrics } = await scene("away");
    await using _ = receiver;
    await using __ = own;
    const seqs = await accept(3);
    receiver.statuses = [500, 301, 302, 200];
    receiver.headers = { location: receiver.url };
    const waits: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await own.settle();
      const { nextAt = 0, cursor = -1 } = (await now()) ?? {};
      expect(cursor).toBe((seqs[0] ?? 0) - 1);
      waits.push(nextAt - clock.time);
      // Not before its time.
      const before = receiver.arrived.length;
      clock.time = nextAt - 1;
      await own.settle();
      expect(receiver.arrived.length).toBe(before);
      clock.time = nextAt;
    }
    expect(waits).toEqual([10_000, 20_000, 40_000]);
    expect(await now()).toMatchObject({ state: "active", lastError: "http_302", attempts: 4 });
    await own.settle();
    expect(receiver.seqs).toEqual([seqs[0], seqs[0], seqs[0], ...seqs]);
    // The same item has the same id at every attempt, so that receivers can drop repeats.
    expect(new Set(receiver.arrived.map(({ id }) => id)).size).toBe(3);
    expect(await now()).toMatchObject({
      state: "active",
      cursor: seqs.at(-1),
      attempts: 0,
      lastError: null,
      delivered: 3,
    });
    const last = receiver.arrived.at(-1);
    const checked = { secret, headers: last?.headers ?? new Headers(), body: last?.body ?? "", now: clock.time };
    expect(verifyWebhook(checked).payload).toMatchObject({ data: { seq: seqs.at(-1) } });
    const figures = await metrics.text();
    expect(figures).toContain('attempts_total{result="failed"} 3');
    expect(figures).toContain('attempts_total{result="ok"} 3');
  });

  test("is given up after seven days, or at once where it says that it is gone; a person revives it", async () => {
    const { receiver, clock, own, now, id } = await scene("gone");
    await using _ = receiver;
    await using __ = own;
    const [seq] = await accept(1);
    receiver.statuses = [503];
    await own.settle();
    clock.time += 7 * DAY_MS;
    await own.settle();
    expect(await now()).toMatchObject({ state: "dead", lastError: "http_503" });
    clock.time += DAY_MS;
    await own.settle();
    expect(receiver.arrived.length).toBe(2);
    receiver.statuses = [410, 200];
    await store.call("reviveWebhook", { id });
    await own.settle();
    expect(await now()).toMatchObject({ state: "dead", lastError: "http_410" });
    await store.call("reviveWebhook", { id });
    await own.settle();
    expect(await now()).toMatchObject({ state: "active", cursor: seq, delivered: 1 });
  });

  test("has its turn though more webhooks than are pushed to at a time are there", async () => {
    await using receiver = await WebhookReceiver.open();
    const clock = clockNow();
    const { pusher: own, secrets } = await pusher(clock);
    await using _ = own;
    const request = { types: [], minAssurance: "author", after: null, loopback: true } as const;
    const names = ["crowd-1", "crowd-2", "crowd-3"];
    // Due far in the running gateway's future.
    for (const name of names) await reader(name, ["feed"]);
    const later = {
      code: "later",
      nextAt: clock.time + 30 * DAY_MS,
      gone: false,
      deadAfterMs: 365 * DAY_MS,
      now: clock.time,
    };
    const ids: string[] = [];
    for (let one = 0; one < 20; one += 1) {
      const { id } = await addWebhook(store, secrets, { reader: names[one % 3] ?? "", url: receiver.url, ...request });
      await store.call("webhookFailed", { id, ...later });
      ids.push(id);
    }
    const [seq = 0] = await accept(1);
    clock.time += 30 * DAY_MS;
    await own.settle();
    expect(receiver.seqs).toEqual(ids.map(() => seq));
    expect(new Set(receiver.arrived.map((one) => one.id)).size).toBe(20);
    for (const name of names) await store.call("removeReader", { name });
  });

  test("does not keep others waiting", async () => {
    const { receiver, clock, own, now } = await scene("slow");
    await using _ = receiver;
    await using __ = own;
    await using quick = await WebhookReceiver.open();
    const secrets = await openWebhookSecrets(kit.config().folder);
    await reader("quick", ["feed"]);
    const wanted = { reader: "quick", url: quick.url, types: [], minAssurance: "author", after: null } as const;
    await addWebhook(store, secrets, { ...wanted, loopback: true });
    const seqs = await accept(2);
    receiver.statuses = [500];
    await own.settle();
    await quick.heard(2);
    expect([...new Set(quick.seqs)]).toEqual(seqs);
    expect((await now())?.nextAt).toBeGreaterThan(clock.time);
    await store.call("removeReader", { name: "quick" });
  });
});

test("a gateway that is killed in a delivery makes it again at its next start, and the rest in order", async () => {
  await using receiver = await WebhookReceiver.open();
  await using own = await GatewayKit.open();
  const { folder } = own.config();
  const args = [script, join(own.folder, "chain.db"), folder];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  await using books = openGatewayStore(folder);
  await books.call("addReader", { name: "r", hash: tokenHash(newToken()), scopes: ["feed"] });
  const secrets = await openWebhookSecrets(folder);
  const wanted = { reader: "r", url: receiver.url, types: [], minAssurance: "author", after: null } as const;
  const { secret } = await addWebhook(books, secrets, { ...wanted, loopback: true });
  // It took the first item, and whoever sent it never hears of that.
  receiver.beforeAnswer = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  expect((await post({ url }, (await own.inference({}, "a")).text)).status).toBe(201);
  await receiver.heard(1);
  expect(await exited).toEqual([null, "SIGKILL"]);
  receiver.beforeAnswer = async () => undefined;
  expect(await books.call("webhooks", { reader: "r" })).toMatchObject([{ cursor: 0, state: "active" }]);
  await using after = await own.start();
  for (const text of ["b", "c"]) await post(after, (await own.inference({}, text)).text);
  await receiver.heard(4);
  expect(receiver.seqs).toEqual([1, 1, 2, 3]);
  expect(new Set(receiver.arrived.map(({ id }) => id)).size).toBe(3);
  expect(receiver.arrived.map((one) => receiver.verify(secret, one))).toEqual([1, 1, 2, 3]);
});

describe("signatures", () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const message = { id: "msg_1", timestamp: 1_800_000_000, body: '{"a":1}' };
  const received = (changes: object = {}) => ({
    ...{ secret, headers: new Headers(signWebhook(secret, message)), body: message.body, now: 1_800_000_000_000 },
    ...changes,
  });

  test("hold for this body, id, time and secret alone", () => {
    expect(verifyWebhook(received())).toEqual({ id: "msg_1", payload: { a: 1 } });
    const headers = (name: string, value: string) => {
      const changed = new Headers(signWebhook(secret, message));
      changed.set(name, value);
      return { headers: changed };
    };
    for (const changes of [
      { body: '{"a":2}' },
      { secret: `whsec_${Buffer.alloc(32, 8).toString("base64")}` },
      { now: 1_800_000_301_000 },
      { now: 1_799_999_699_000 },
      headers("webhook-id", "msg_2"),
      headers("webhook-timestamp", "1800000001"),
      headers("webhook-signature", "v1,"),
      headers("webhook-signature", "v1a,AAAA"),
      { headers: new Headers() },
    ]) {
      expect(() => verifyWebhook(received(changes))).toThrow(expect.objectContaining({ code: "WEBHOOK_INVALID" }));
    }
    const two = `v1,AAAA ${new Headers(signWebhook(secret, message)).get("webhook-signature")}`;
    expect(verifyWebhook(received(headers("webhook-signature", two))).id).toBe("msg_1");
  });

  test("are those of the Standard Webhooks specification", () => {
    // The example of its own test suite.
    const example = signWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", {
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestamp: 1_614_265_330,
      body: '{"test": 2432232314}',
    });
    expect(example["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });
});

describe("addresses", () => {
  test("inside are refused by their text and, whatever a name server says, when they are called", async () => {
    for (const url of UNFIT_URLS) expect(() => checkWebhookUrl(url, false)).toThrow();
    expect(() => checkWebhookUrl("http://hooks.example.org/", true)).toThrow();
    expect(checkWebhookUrl("https://hooks.example.org/in?a=1", false)).toBe("https://hooks.example.org/in?a=1");
    expect(checkWebhookUrl("http://127.0.0.1:9999/x", true)).toBe("http://127.0.0.1:9999/x");
    await using receiver = await WebhookReceiver.open();
    const limits = { deadlineMs: 2_000, maxBytes: 100 };
    const closed = createHttpClient(webhookFetch(false)).postJson(receiver.url, '{"data":{"seq":1}}', limits);
    await expect(closed).rejects.toMatchObject({ code: "URL_NOT_PUBLIC" });
    expect(receiver.arrived).toEqual([]);
    await expect(createHttpClient(webhookFetch(true)).postJson("http://10.0.0.1/", "{}", limits)).rejects.toMatchObject(
      { code: "URL_NOT_PUBLIC" },
    );
    expect(
      (await createHttpClient(webhookFetch(true)).postJson(receiver.url, '{"data":{"seq":1}}', limits)).status,
    ).toBe(200);
  });
});
