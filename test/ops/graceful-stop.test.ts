import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { temporaryFolder } from "../cli/engram.ts";
import { MinerChild } from "./miner-child.ts";

const CONCURRENT = 32;
const STOP_MS = 10_000;

function randomVector(): number[] {
  return Array.from(new Int8Array(randomBytes(512)), (value) => value / 128);
}

interface Load {
  readonly acknowledged: string[];
  /** Answers other than an acknowledgement. */
  readonly refused: string[];
  readonly ended: Promise<unknown>;
}

/** Ingests over kept connections until the miner is gone. */
function ingestUntilGone(url: string): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENT });
  const [acknowledged, refused] = [[] as string[], [] as string[]];
  const one = async (): Promise<void> => {
    const { status, body } = await post(`${url}/IngestSynapse`, { raw_embedding: randomVector() }, agent);
    const { cid } = JSON.parse(body) as { cid?: string };
    if (status === 200 && typeof cid === "string") acknowledged.push(cid);
    else refused.push(`${status} ${body}`);
  };
  const worker = async (): Promise<void> => {
    for (;;) if ((await one().catch((error: NodeJS.ErrnoException) => error.code)) === "ECONNREFUSED") return;
  };
  return { acknowledged, refused, ended: Promise.all(Array.from({ length: CONCURRENT }, worker)) };
}

function post(url: string, body: object, agent: Agent): Promise<{ readonly status: number; readonly body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const outgoing = request(url, { method: "POST", agent }, (response) => {
    text(response).then((reply) => resolve({ status: response.statusCode ?? 0, body: reply }), reject);
  });
  outgoing.once("error", reject).end(JSON.stringify(body));
  return promise;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("SIGTERM under load: /ready says 503 first, nothing that was acknowledged is lost, and it ends in time", async () => {
  const folder = await temporaryFolder();
  await using miner = await MinerChild.start(folder);
  const ready = async () => (await fetch(`${miner.url}/ready`)).status;
  expect(await ready()).toBe(200);
  const load = ingestUntilGone(miner.url);
  await until(() => load.acknowledged.length >= 200);

  const began = performance.now();
  miner.signal("SIGTERM");
  await until(async () => (await ready()) === 503);
  const atFirst503 = load.acknowledged.length;
  // It says so before it stops: requests are still taken and answered.
  await until(() => load.acknowledged.length > atFirst503 + CONCURRENT);
  expect(await miner.ended()).toBe(0);
  expect(performance.now() - began).toBeLessThan(STOP_MS);
  await load.ended;
  expect(load.refused).toEqual([]);

  await using again = await MinerChild.start(folder);
  const lost: string[] = [];
  for (const cid of load.acknowledged) {
    const { status } = await fetch(`${again.url}/retrieve/${encodeURIComponent(cid)}`);
    if (status !== 200) lost.push(`${status} ${cid}`);
  }
  expect(lost).toEqual([]);
});

test("a second signal ends it at once", async () => {
  await using miner = await MinerChild.start(await temporaryFolder(), { ENGRAM_DRAIN_SECONDS: "3" });
  miner.signal("SIGTERM");
  await until(async () => (await fetch(`${miner.url}/ready`)).status === 503);
  miner.signal("SIGTERM");
  expect(await miner.ended()).toBe("SIGTERM");
});
