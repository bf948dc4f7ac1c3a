import { X509Certificate } from "node:crypto";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type IncomingHttpHeaders, Agent as PlainAgent, get as plainGet } from "node:http";
import { Agent, get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startHttpServer } from "../../src/node/runtime/http-server.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { TlsCertificate } from "../../src/node/runtime/tls-certificate.ts";

/** Self-signed pairs for tests alone: their keys are public. */
const fixture = (name: string) => fileURLToPath(new URL(`tls-test-keys/${name}.pem`, import.meta.url));
const certificates = await Promise.all(["first", "second"].map((name) => readFile(fixture(`${name}-test-cert`))));
const [first = "", second = ""] = certificates.map((pem) => new X509Certificate(pem).fingerprint256);
const log = createLogger({ level: "silent" });
const loopback = { hostname: "127.0.0.1", port: 0 };
/** So long that only `reload` looks at the files. */
const NEVER_MS = 2 ** 30;

async function servedFiles() {
  const folder = await mkdtemp(join(tmpdir(), "engram-tls-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
  const put = async (name: "first" | "second", what: "cert" | "key") =>
    copyFile(fixture(`${name}-test-${what}`), what === "cert" ? files.certFile : files.keyFile);
  await Promise.all([put("first", "cert"), put("first", "key")]);
  return { files, put };
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
  readonly fingerprint: string;
}

/** One request on a connection of its own. */
function fetchSecure(url: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const agent = new Agent({ ca: certificates, keepAlive: false });
  const request = get(url, { agent }, async (response) => {
    const fingerprint = (response.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256 ?? "";
    resolve({ status: response.statusCode, body: await text(response), headers: response.headers, fingerprint });
  });
  request.once("error", reject);
  return promise;
}

test("a listener with certificate files serves https, and the handler knows it", async () => {
  const { files } = await servedFiles();
  using tls = await TlsCertificate.open(files, log);
  await using server = await startHttpServer({ ...loopback, tls, handler: ({ url }) => new Response(url) });
  expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
  expect(await fetchSecure(`${server.url}/x`)).toMatchObject({
    status: 200,
    body: `${server.url}/x`,
    fingerprint: first,
  });
  // Plain HTTP is not understood there.
  await expect(fetch(`http://127.0.0.1:${server.port}/x`)).rejects.toThrow();
});

test("a renewed certificate is served without a restart; a pair that does not fit leaves the old one", async () => {
  const { files, put } = await servedFiles();
  using tls = await TlsCertificate.open(files, log, NEVER_MS);
  await using server = await startHttpServer({ ...loopback, tls, handler: () => new Response("ok") });
  expect(await tls.reload()).toBe(false);
  await put("second", "cert"); // the key is still the first one's
  expect(await tls.reload()).toBe(false);
  expect((await fetchSecure(server.url)).fingerprint).toBe(first);
  await put("second", "key");
  expect(await tls.reload()).toBe(true);
  expect((await fetchSecure(server.url)).fingerprint).toBe(second);
  await rm(files.certFile);
  expect(await tls.reload()).toBe(false);
  expect((await fetchSecure(server.url)).fingerprint).toBe(second);
});

test("a renewed certificate is found without being told", async () => {
  const { files, put } = await servedFiles();
  using tls = await TlsCertificate.open(files, log, 20);
  const { promise, resolve } = Promise.withResolvers<void>();
  tls.onChange(() => resolve());
  await Promise.all([put("second", "cert"), put("second", "key")]);
  await promise;
  expect(new X509Certificate(tls.material.cert).fingerprint256).toBe(second);
});

test("files that are no pair are refused with their names and nothing of what they hold", async () => {
  const { files, put } = await servedFiles();
  await writeFile(files.keyFile, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
  const refused = (error: unknown) => error as { code: string; message: string };
  const broken = await TlsCertificate.open(files, log).catch(refused);
  expect(broken).toMatchObject({ code: "TLS_UNREADABLE", message: expect.stringContaining(files.keyFile) });
  expect(JSON.stringify(broken)).not.toContain("c2VjcmV0");
  await put("second", "key");
  await expect(TlsCertificate.open(files, log)).rejects.toMatchObject({ code: "TLS_UNREADABLE" });
  await rm(files.keyFile);
  await expect(TlsCertificate.open(files, log)).rejects.toMatchObject({ code: "TLS_UNREADABLE" });
});

test("a server that drains says so at /ready, serves on, and lets go of kept connections", async () => {
  let ready = false;
  const handler = () => new Response("served");
  await using server = await startHttpServer({ ...loopback, handler, isReady: () => ready });
  const statusOf = async (path: string) => (await fetch(`${server.url}${path}`)).status;
  expect(await statusOf("/ready")).toBe(503);
  ready = true;
  expect(await statusOf("/ready")).toBe(200);
  const agent = new PlainAgent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const connectionOf = () =>
    new Promise<string | undefined>((resolve, reject) => {
      plainGet(server.url, { agent }, (response) => {
        response.resume().once("end", () => resolve(response.headers.connection));
      }).once("error", reject);
    });
  expect(await connectionOf()).toBe("keep-alive");
  server.drain();
  expect(await connectionOf()).toBe("close");
  expect(await statusOf("/ready")).toBe(503);
  expect(await statusOf("/anything")).toBe(200);
});

test("a server that was not given readiness has no such path", async () => {
  await using server = await startHttpServer({ ...loopback, handler: () => new Response("the handler's own") });
  expect(await (await fetch(`${server.url}/ready`)).text()).toBe("the handler's own");
});
