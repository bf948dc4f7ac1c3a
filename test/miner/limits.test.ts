import { expect, test } from "vitest";
import { peerKey } from "../../src/node/miner/peer-key.ts";
import { RateLimiter } from "../../src/node/miner/rate-limiter.ts";
import { SingleUse } from "../../src/node/runtime/single-use.ts";
import { MinerUnderTest, TestKey } from "./miner-under-test.ts";

const alice = new TestKey();
const query = { query_text: "x" };

test("an address without signatures is limited, another is not, and it may again after the window", async () => {
  await using miner = await MinerUnderTest.start({ rateLimit: 3, rateWindowSeconds: 10 });
  const statuses = async (count: number, peer: string) => {
    const answers = [];
    for (let n = 0; n < count; n += 1) answers.push((await miner.post("QuerySynapse", query, peer)).status);
    return answers;
  };
  expect(await statuses(4, "198.51.100.1")).toEqual([200, 200, 200, 429]);
  expect(await statuses(1, "198.51.100.2")).toEqual([200]);
  const refused = await miner.post("QuerySynapse", query, "198.51.100.1");
  expect(refused.headers.get("retry-after")).toBe("11");
  expect(refused.json).toEqual({ error: expect.any(String), hint: expect.stringContaining("11 seconds") });
  miner.clock.time += 10_001;
  expect(await statuses(1, "198.51.100.1")).toEqual([200]);
});

test("inventing hotkeys does not help, and does not use up anybody's own limit", async () => {
  await using miner = await MinerUnderTest.start({ rateLimit: 3, rateWindowSeconds: 10 });
  const statuses = [];
  for (let n = 0; n < 5; n += 1) {
    const hotkey = n === 0 ? alice.hotkey : new TestKey().hotkey;
    statuses.push((await miner.post("QuerySynapse", { ...query, hotkey })).status);
  }
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  for (let n = 0; n < 30; n += 1) expect((await miner.signedPost(alice, "QuerySynapse", query)).status).toBe(200);
  expect((await miner.signedPost(alice, "QuerySynapse", query)).status).toBe(429);
});

test("an address is counted before its signatures are looked at", async () => {
  await using miner = await MinerUnderTest.start({ rateLimit: 1, rateWindowSeconds: 10 });
  const forged = { ...query, hotkey: alice.hotkey, nonce: 1, signature: "00" };
  const statuses = [];
  for (let n = 0; n < 21; n += 1) statuses.push((await miner.post("QuerySynapse", forged)).status);
  expect(statuses).toEqual([...Array(20).fill(401), 429]);
});

test("a root counts as five requests", async () => {
  await using miner = await MinerUnderTest.start({ rateLimit: 11 });
  const statuses = [];
  for (let n = 0; n < 3; n += 1) statuses.push((await miner.call("GET", "/commitment")).status);
  expect(statuses).toEqual([200, 200, 429]);
  expect((await miner.post("QuerySynapse", { query_text: "x" })).status).toBe(200);
  expect((await miner.post("QuerySynapse", { query_text: "x" })).status).toBe(429);
});

test("the limiter remembers only so many keys", () => {
  const limiter = new RateLimiter({ maxRequests: 1, windowMs: 1_000, maxKeys: 2 });
  expect(["a", "b", "c", "a", "c"].map((key) => limiter.take(key, 0) === 0)).toEqual([true, true, true, true, false]);
});

test("a request may count as several, and passes again when so many have left the window", () => {
  const limiter = new RateLimiter({ maxRequests: 5, windowMs: 1_000, maxKeys: 2 });
  expect([0, 100, 200].map((now) => limiter.take("a", now))).toEqual([0, 0, 0]);
  expect(limiter.take("a", 300, 4)).toBe(801);
  expect(limiter.take("a", 300, 2)).toBe(0);
  expect(limiter.take("a", 300)).toBe(701);
  // Dearer than the whole limit: allowed when nothing else was.
  expect(limiter.take("b", 0, 9)).toBe(0);
  expect(limiter.take("b", 1_001, 9)).toBe(0);
});

test("a clock that is set back locks nobody out for longer than a window", () => {
  const limiter = new RateLimiter({ maxRequests: 1, windowMs: 1_000, maxKeys: 2 });
  limiter.take("a", 1_000_000);
  expect(limiter.take("a", 0)).toBeLessThanOrEqual(1_001);
});

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["::ffff:203.0.113.9", "203.0.113.9"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::6", "2001:db8:1:2::/64"],
  ["2001:db8::6", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["2001:0DB8::", "2001:db8:0:0::/64"],
])("%s counts as %s", (address, key) => {
  expect(peerKey(address)).toBe(key);
});

test("single use: once within its time, again after it, and nothing new when full", () => {
  const used = new SingleUse(2);
  expect(used.use(["a"], 100, 0)).toBe("first");
  expect(used.use(["a"], 100, 100)).toBe("used");
  expect(used.use(["b"], 200, 0)).toBe("first");
  expect(used.use(["c"], 300, 0)).toBe("full");
  expect(used.use(["c"], 300, 101)).toBe("first");
  expect(used.use(["a"], 400, 101)).toBe("full");
  expect(used.use(["ab", "c"], 900, 301)).toBe("first");
  expect(used.use(["a", "bc"], 900, 301)).toBe("first");
});

test("single use forgets what is over as it goes, and what it forgot stays used when the clock goes back", () => {
  const used = new SingleUse(100_000);
  for (let now = 0; now < 5_000; now += 1) expect(used.use([String(now)], now + 60, now)).toBe("first");
  expect(used.size).toBeLessThan(100);
  // Forgotten, and no longer over.
  expect(used.use(["10"], 70, 0)).toBe("used");
  expect(used.use(["new"], 6_000, 0)).toBe("first");
});
