import { expect, test } from "vitest";
import { z } from "zod";
import { parseVariables } from "../../src/node/runtime/config.ts";
import { publicUrl, serviceConfig, serviceVariables } from "../../src/node/runtime/config-service.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { startServiceListener } from "../../src/node/runtime/service-listener.ts";

const logger = createLogger({ level: "silent" });
const read = (environment: Record<string, string>) => serviceConfig(parseVariables(serviceVariables, environment));

function serve(trustedProxies: string) {
  return startServiceListener({
    ...read({ ENGRAM_TRUSTED_PROXIES: trustedProxies }),
    ...{ hostname: "127.0.0.1", port: 0, logger, isReady: () => true },
    handler: (_, { peer, secure }) => Response.json({ peer, secure }),
  });
}

const forwarded = { "x-forwarded-for": "203.0.113.9, 198.51.100.7", "x-forwarded-proto": "https" };

test.each([
  ["from anybody", "", { peer: "127.0.0.1", secure: false }],
  ["from a proxy that is not this one", "192.0.2.1", { peer: "127.0.0.1", secure: false }],
  ["from the trusted proxy, its own word alone", "127.0.0.1", { peer: "198.51.100.7", secure: true }],
])("X-Forwarded-For %s", async (_, trusted, client) => {
  await using listener = await serve(trusted);
  expect(await (await fetch(listener.url, { headers: forwarded })).json()).toEqual(client);
  expect(await (await fetch(listener.url)).json()).toEqual({ peer: "127.0.0.1", secure: false });
});

test("it is ready until it drains, and without certificate files has nothing to renew", async () => {
  await using listener = await serve("");
  const ready = async () => (await fetch(`${listener.url}/ready`)).status;
  expect(await ready()).toBe(200);
  expect(await listener.renewCertificate()).toBe(false);
  listener.drain();
  expect(await ready()).toBe(503);
});

test.each([
  { ENGRAM_TLS_CERT_FILE: "/s3cret" },
  { ENGRAM_TLS_KEY_FILE: "/s3cret" },
  { ENGRAM_TRUSTED_PROXIES: "s3cret" },
  { ENGRAM_DRAIN_SECONDS: "s3cret" },
  { ENGRAM_DRAIN_SECONDS: "4" },
])("%o is refused without its value", (environment) => {
  expect(() => read(environment)).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.not.stringContaining("s3cret") }),
  );
});

test.each([
  ["https://miner.example.org", "https://miner.example.org"],
  ["https://miner.example.org/", "https://miner.example.org"],
  ["http://[2001:db8::1]:8091", "http://[2001:db8::1]:8091"],
  ["https://miner.example.org/path", undefined],
  ["https://user@miner.example.org", undefined],
  ["https://miner.example.org?x", undefined],
  ["ftp://miner.example.org", undefined],
  ["miner.example.org", undefined],
])("a public address is an origin: %s", (text, origin) => {
  const { success, data } = z.object({ URL: publicUrl }).safeParse({ URL: text });
  expect(success ? data?.URL : undefined).toBe(origin);
});
