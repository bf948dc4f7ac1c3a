import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { assignWeighted, stakeWeight } from "../../src/crypto/xor-placement.ts";
import { ChainView } from "../../src/node/miner/chain-view.ts";
import { copyPlaces } from "../../src/node/miner/copies/copy-places.ts";
import { type CopyStore, openCopyStore } from "../../src/node/miner/copies/copy-store.ts";
import { RecordPusher } from "../../src/node/miner/copies/record-pusher.ts";
import { type Neuron, PUBLIC_NAMESPACE } from "../../src/node/ports.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import { MinerUnderTest, TestKey } from "./miner-under-test.ts";

interface Node extends AsyncDisposable {
  readonly miner: MinerUnderTest;
  readonly url: string;
  readonly journal: CopyStore;
  pusher: RecordPusher;
  /** A pusher on the same files, as after a restart of the process. */
  reopen(options?: { readonly waitingLimit: number }): RecordPusher;
  /** Works until there is nothing to do at once. */
  settle(): Promise<void>;
}

/** Some miners that reach each other; `calls` are the requests between them. */
class Subnet implements AsyncDisposable {
  readonly nodes: Node[] = [];
  readonly calls: { readonly to: number; readonly path: string; readonly body: string }[] = [];
  /** Answers in place of the miner of that number. */
  readonly instead = new Map<number, (request: Request) => Response | Promise<Response>>();
  neurons: readonly Neuron[] = [];

  static async start(count: number): Promise<Subnet> {
    const subnet = new Subnet();
    for (let index = 0; index < count; index += 1) subnet.nodes.push(await subnet.#node(index));
    subnet.neurons = subnet.nodes.map(({ miner, url }, uid) => {
      const { hotkey } = miner.identity;
      return {
        ...{ uid, hotkey, coldkey: hotkey, endpoint: url },
        stakeTao: uid,
        validatorPermit: false,
        incentive: 0,
      };
    });
    subnet.publish(subnet.neurons);
    return subnet;
  }

  at(index: number): Node {
    const node = this.nodes[index];
    if (!node) throw new Error("no such node");
    return node;
  }

  publish(neurons: readonly Neuron[]): void {
    for (const { miner } of this.nodes) miner.chain.neurons = neurons;
    // What was read of the chain before is too old now.
    this.pass(3_600_000);
  }

  pass(milliseconds: number): void {
    const latest = Math.max(...this.nodes.map(({ miner }) => miner.clock.time));
    for (const { miner } of this.nodes) miner.clock.time = latest + milliseconds;
  }

  /** Who holds the record, in public. */
  async holders(cid: string): Promise<number[]> {
    const found = await Promise.all(this.nodes.map(({ miner }) => miner.store.get(PUBLIC_NAMESPACE, cid)));
    return found.flatMap((record, index) => (record ? [index] : []));
  }

  /** Where the record belongs, found apart from the miners. */
  assigned(cid: string): number[] {
    return assignWeighted(cid, this.neurons, 3, stakeWeight(this.neurons)).map(({ uid }) => uid);
  }

  async #node(index: number): Promise<Node> {
    const miner = await MinerUnderTest.start();
    const journal = openCopyStore(join(miner.folder, "copies.sqlite"));
    const http = createHttpClient(async (request) => {
      const { hostname, pathname } = new URL(request.url);
      const to = Number(hostname.split(".").at(-1));
      this.calls.push({ to, path: pathname, body: await request.clone().text() });
      const answer = this.instead.get(to);
      return answer ? answer(request) : this.at(to).miner.fetch(request, { peer: "198.51.100.9" });
    });
    const { deps } = miner;
    const reopen: Node["reopen"] = (options) => {
      const shared = { ...deps, copies: journal, http, model: deps.embedder.profile.model, isSimulated: true };
      node.pusher = new RecordPusher({ ...shared, ...options, chainView: new ChainView(deps) });
      miner.restart({}, { copies: node.pusher });
      return node.pusher;
    };
    const settle = async () => {
      while (await node.pusher.round());
    };
    const node = { miner, journal, url: `http://127.0.0.${index}`, reopen, settle } as Node;
    reopen();
    return Object.assign(node, {
      [Symbol.asyncDispose]: async () => {
        await node.pusher[Symbol.asyncDispose]();
        await journal[Symbol.asyncDispose]();
        await miner[Symbol.asyncDispose]();
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}

const vector = () => Array.from(randomBytes(8), (byte) => byte - 127.5);
const post = async ({ miner }: Node, body: object = {}, key?: TestKey): Promise<string> => {
  const whole = { raw_embedding: vector(), metadata: { k: 1, é: 1.0 }, ...body };
  const answer = key ? await miner.signedPost(key, "IngestSynapse", whole) : await miner.post("IngestSynapse", whole);
  expect(answer.json.error).toBeNull();
  return answer.json.cid;
};
const alice = new TestKey();

test("the first holder pushes to the other assigned miners, under the same CID, and nobody pushes on", async () => {
  await using subnet = await Subnet.start(6);
  const first = subnet.at(0);
  const cids = [
    await post(first),
    await post(first, {}, alice),
    await post(first, { text: "a kettle", raw_embedding: null }),
  ];
  for (const { settle } of subnet.nodes) await settle();
  for (const cid of cids) {
    const others = subnet.assigned(cid).filter((uid) => uid !== 0);
    expect(await subnet.holders(cid)).toEqual([0, ...others].sort());
    expect([...(await first.journal.call("holders", cid))].sort()).toEqual(
      others.map((uid) => subnet.at(uid).miner.identity.hotkey).sort(),
    );
    const copy = await subnet.at(others[0] ?? 0).miner.store.get(PUBLIC_NAMESPACE, cid);
    expect(copy).toMatchObject({ ingestedBy: first.miner.identity.hotkey });
    expect(copy?.metadata).toBe((await first.miner.store.get(PUBLIC_NAMESPACE, cid))?.metadata);
  }
  expect(subnet.calls).toHaveLength(
    cids.reduce((sum, cid) => sum + subnet.assigned(cid).filter((uid) => uid !== 0).length, 0),
  );
  expect(new Set(subnet.calls.map(({ body }) => JSON.parse(body).signature)).size).toBe(subnet.calls.length);
  // The same again is no news.
  const known = JSON.parse(subnet.calls[0]?.body ?? "{}");
  await post(first, { raw_embedding: known.raw_embedding, metadata: known.metadata });
  const before = subnet.calls.length;
  for (const { settle } of subnet.nodes) await settle();
  expect(subnet.calls).toHaveLength(before);
});

test("private records, envelopes, authors' own, repairs and canaries are not pushed", async () => {
  await using subnet = await Subnet.start(4);
  const first = subnet.at(0);
  const validator = new TestKey();
  const { hotkey } = validator;
  const permitted = {
    uid: 9,
    hotkey,
    coldkey: hotkey,
    endpoint: null,
    stakeTao: 9e3,
    validatorPermit: true,
    incentive: 0,
  };
  subnet.publish([...subnet.neurons, permitted]);
  await post(first, alice.namespace("diary", first.miner.nonce()));
  await post(first, { metadata: { _enc: "AAAA" } });
  await post(first, { metadata: { text: "mine", author: alice.hotkey } }, alice);
  await post(first, {}, validator);
  const other = await post(first, { metadata: { text: "hers", author: "Alice" } });
  await post(first, { metadata: { text: "hers", author: alice.hotkey } });
  for (const { settle } of subnet.nodes) await settle();
  const pushed = subnet.calls.map(({ body }) => JSON.parse(body).cid_override);
  expect(new Set(pushed)).toEqual(new Set([other]));
});

test("only the record's own CID confirms; a refusal is final, silence is not", async () => {
  await using subnet = await Subnet.start(4);
  const first = subnet.at(0);
  let answer: () => Response = () => Response.error();
  const json = (body: object, status = 200) => Response.json(body, { status });
  for (const index of [1, 2, 3]) subnet.instead.set(index, () => answer());
  const tried = async (given: () => Response) => {
    answer = given;
    const cid = await post(first);
    await first.settle();
    const { waiting } = await first.journal.call("progress", null);
    return { held: (await first.journal.call("holders", cid)).length > 0, waits: waiting > 0 };
  };
  expect(await tried(() => json({ cid: `v1::${"0".repeat(64)}`, error: null }))).toEqual({ held: false, waits: false });
  expect(await tried(() => json({ error: "no" }, 422))).toEqual({ held: false, waits: false });
  expect(await tried(() => new Response(null, { status: 302, headers: { location: "http://10.0.0.0" } }))).toEqual({
    held: false,
    waits: true,
  });
  for (const given of [
    () => json({ cid: null, error: "not now" }),
    () => new Response("no JSON"),
    () => json({}, 429),
    () => json({}, 500),
    () => {
      throw new Error("nobody there");
    },
  ]) {
    expect(await tried(given)).toEqual({ held: false, waits: true });
  }
  subnet.instead.clear();
  subnet.pass(60_000);
  await first.settle();
  expect(await first.journal.call("progress", null)).toMatchObject({ waiting: 0 });
});

test("who never answers is given up after ten attempts", async () => {
  await using subnet = await Subnet.start(2);
  subnet.instead.set(1, () => Response.json({}, { status: 500 }));
  await post(subnet.at(0));
  for (let turn = 0; turn < 20; turn += 1) {
    await subnet.at(0).settle();
    subnet.pass(3_600_000);
  }
  expect(subnet.calls).toHaveLength(10);
  expect(await subnet.at(0).journal.call("progress", null)).toMatchObject({ waiting: 0 });
});

describe("nothing acknowledged is lost", () => {
  test("the journal of a process that was killed has what it was told, and what it had begun is due again", async () => {
    await using miner = await MinerUnderTest.start();
    const path = join(miner.folder, "copies.sqlite");
    const script = fileURLToPath(new URL("./killed-copy-store.ts", import.meta.url));
    const child = spawnSync(process.execPath, [script, path, alice.hotkey]);
    expect(child.signal).toBe("SIGKILL");
    await using journal = openCopyStore(path);
    expect(await journal.call("progress", null)).toEqual({ after: "7", waiting: 2 });
    expect(await journal.call("claim", { now: 2_000, limit: 16 })).toEqual([]);
    const due = await journal.call("claim", { now: 60_000, limit: 16 });
    expect(due).toMatchObject(["v1::a", "v1::b"].map((cid) => ({ cid, task: "push", attempts: 2 })));
  });

  test("a pusher that was killed before, between and in its rounds leaves the rest to the next", async () => {
    await using subnet = await Subnet.start(4);
    const first = subnet.at(0);
    const cids = [await post(first), await post(first)];
    subnet.instead
      .set(1, () => Response.error())
      .set(2, () => Response.error())
      .set(3, () => Response.error());
    await first.settle();
    cids.push(await post(first));
    subnet.instead.clear();
    first.reopen();
    subnet.pass(60_000);
    await first.settle();
    for (const cid of cids) {
      expect(await subnet.holders(cid)).toEqual([...new Set([0, ...subnet.assigned(cid)])].sort());
    }
  });

  test("alone in the subnet it waits, and pushes once another serves", async () => {
    await using subnet = await Subnet.start(2);
    subnet.publish(subnet.neurons.slice(0, 1));
    const cid = await post(subnet.at(0));
    await subnet.at(0).settle();
    expect(await subnet.holders(cid)).toEqual([0]);
    subnet.publish(subnet.neurons);
    await subnet.at(0).settle();
    expect(await subnet.holders(cid)).toEqual([0, 1]);
  });

  test("with a full journal the walk waits, and goes on when there is room", async () => {
    await using subnet = await Subnet.start(2);
    const first = subnet.at(0);
    first.reopen({ waitingLimit: 50 });
    for (let from = 0; from < 150; from += 30) await Promise.all(Array.from({ length: 30 }, () => post(first)));
    subnet.instead.set(1, () => Response.error());
    await first.settle();
    const { waiting } = await first.journal.call("progress", null);
    expect(waiting).toBeGreaterThanOrEqual(50);
    expect(waiting).toBeLessThan(114);
    subnet.instead.clear();
    subnet.pass(60_000);
    await first.settle();
    expect(await subnet.at(1).miner.store.count(PUBLIC_NAMESPACE)).toBe(150);
  });
});

describe("a delete", () => {
  test("takes the copies back, also from one that is silent at first", async () => {
    await using subnet = await Subnet.start(4);
    const first = subnet.at(0);
    const cid = await post(first, {}, alice);
    await first.settle();
    const [silent = 1] = (await subnet.holders(cid)).filter((holder) => holder !== 0);
    subnet.instead.set(silent, () => Response.error());
    expect((await first.miner.delete(alice, cid)).status).toBe(200);
    subnet.pass(30_000);
    await first.settle();
    expect(await subnet.holders(cid)).toEqual([silent]);
    subnet.instead.clear();
    subnet.pass(60_000);
    await first.settle();
    expect(await subnet.holders(cid)).toEqual([]);
  });

  test("that never came about leaves them", async () => {
    await using subnet = await Subnet.start(4);
    const first = subnet.at(0);
    const cid = await post(first, {}, alice);
    await first.settle();
    const before = await subnet.holders(cid);
    expect((await first.miner.delete(new TestKey(), cid)).status).toBe(404);
    await first.pusher.takeBack(cid);
    subnet.pass(30_000);
    await first.settle();
    expect(await subnet.holders(cid)).toEqual(before);
    expect(await first.journal.call("holders", cid)).toHaveLength(before.length - 1);
  });
});

describe("who is called on a real chain", () => {
  const key = new TestKey().hotkey;
  const self = new TestKey().hotkey;
  const neuron = (hotkey: Neuron["hotkey"], endpoint: string | null, uid: number): Neuron => {
    return { uid, hotkey, coldkey: hotkey, endpoint, stakeTao: 1, validatorPermit: false, incentive: 0 };
  };
  const called = (endpoint: string | null, isSimulated = false, own = "http://8.8.4.4:8091") => {
    const neurons = [neuron(self, own, 0), neuron(key, endpoint, 1)];
    const places = copyPlaces(new Map(neurons.map((one) => [one.hotkey, one])), self, isSimulated);
    expect(places.othersFor("v1::x")).toEqual([...places.urls.keys()]);
    return places.urls.get(key);
  };

  test.each(["http://8.8.8.8:8091", "https://8.8.8.8", "http://[2606:4700::1111]:8091"])("%s is", (endpoint) => {
    expect(called(endpoint)).toBe(new URL(endpoint).origin);
  });

  test.each([
    null,
    "http://127.0.0.1:8091",
    "http://2130706433",
    "http://0177.0.0.1",
    "http://0x7f.1",
    "http://0.0.0.0:8091",
    "http://10.0.0.1",
    "http://100.64.0.1",
    "http://169.254.169.254",
    "http://192.168.1.1",
    "http://[::1]",
    "http://[::ffff:127.0.0.1]",
    "http://[fd00::1]",
    "http://miner.example",
    "ftp://8.8.8.8",
    "http://8.8.8.8/admin",
    "http://8.8.8.8?x=1",
    "not a url",
    "http://8.8.4.4:8091",
  ])("%s is not", (endpoint) => {
    expect(called(endpoint)).toBeUndefined();
  });

  test("on a simulated one this machine is", () => {
    expect(called("http://127.0.0.1:8091", true)).toBe("http://127.0.0.1:8091");
  });
});

test("a pusher works by itself once started, and stops when told", async () => {
  await using subnet = await Subnet.start(2);
  const { pusher } = subnet.at(0);
  const arrived = Promise.withResolvers<void>();
  subnet.instead.set(1, (request) => {
    arrived.resolve();
    return subnet.at(1).miner.fetch(request);
  });
  pusher.start();
  await post(subnet.at(0));
  await arrived.promise;
  await pusher[Symbol.asyncDispose]();
  expect(subnet.calls.map(({ path }) => path)).toEqual(["/IngestSynapse"]);
});
