import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Sr25519 } from "../src/crypto/sr25519.ts";

const SECONDS = 3;

/** sr25519 signatures a second that the bare library verifies on so many threads, for three seconds. */
export async function bareVerifications(sr25519: Sr25519, size: number): Promise<number> {
  const pair = sr25519.pairFromSeed(randomBytes(32));
  const message = randomBytes(92);
  const workerData = { signature: sr25519.sign(pair, message), message, publicKey: pair.publicKey };
  const url = new URL("./bare-verifier.ts", import.meta.url);
  const workers = Array.from({ length: size }, () => new Worker(url, { workerData }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const counts = await Promise.all(
    workers.map(async (worker) => {
      worker.postMessage(SECONDS * 1_000);
      const [count] = (await once(worker, "message")) as [number];
      return count;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
