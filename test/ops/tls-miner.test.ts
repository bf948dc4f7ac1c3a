import { X509Certificate } from "node:crypto";
import { copyFile, readFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "../cli/engram.ts";
import { MinerChild } from "./miner-child.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../runtime/tls-test-keys/${name}.pem`, import.meta.url));
const [first, second] = await Promise.all(["first", "second"].map((name) => readFile(fixture(`${name}-test-cert`))));
const fingerprintOf = (pem = Buffer.alloc(0)) => new X509Certificate(pem).fingerprint256;

/** The reply of one GET on a connection of its own, and the certificate it came with. */
function ask(url: string): Promise<{ readonly body: string; readonly fingerprint: string | undefined }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ body: string; fingerprint: string | undefined }>();
  const agent = new Agent({ ca: [first, second].flatMap((pem) => pem ?? []), keepAlive: false });
  get(url, { agent }, async (response) => {
    const fingerprint = (response.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256;
    resolve({ body: await text(response), fingerprint });
  }).once("error", reject);
  return promise;
}

test("a miner with certificate files is an https endpoint, and takes up renewed ones at SIGHUP", async () => {
  const folder = await temporaryFolder();
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const put = (name: string) =>
    Promise.all([copyFile(fixture(`${name}-test-cert`), cert), copyFile(fixture(`${name}-test-key`), key)]);
  await put("first");
  await using miner = await MinerChild.start(folder, { ENGRAM_TLS_CERT_FILE: cert, ENGRAM_TLS_KEY_FILE: key });
  expect(miner.url).toMatch(/^https:/);
  const { body, fingerprint } = await ask(`${miner.url}/health`);
  expect(fingerprint).toBe(fingerprintOf(first));
  // What it signs, and tells the chain.
  expect(JSON.parse(body)).toMatchObject({ status: "ok", caps: { endpoint: miner.url } });
  const { body: stats } = await ask(`${miner.url}/metagraph`);
  expect(JSON.parse(stats)).toMatchObject({ neurons: [{}] });

  await put("second");
  miner.signal("SIGHUP");
  const renewed = fingerprintOf(second);
  while ((await ask(`${miner.url}/ready`)).fingerprint !== renewed) await new Promise((next) => setTimeout(next, 20));
  miner.signal("SIGTERM");
  expect(await miner.ended()).toBe(0);
});
