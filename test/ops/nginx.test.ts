import { readFile } from "node:fs/promises";
import { afterAll, expect, test } from "vitest";
import { MAX_BODY_BYTES } from "../../src/node/protocol/limits.ts";
import { ROUTES } from "../../src/node/protocol/openapi-routes.ts";
import { COMMIT_PATH, VECTOR_PATH } from "../../src/node/validator/consensus/round-messages.ts";
import { COSIGN_PATH, PROPOSE_PATH } from "../../src/relay/cosign/routes.ts";
import { MinerUnderTest } from "../miner/miner-under-test.ts";

const miner = await MinerUnderTest.start();
afterAll(() => miner[Symbol.asyncDispose]());

const confOf = async (name: string) => {
  const text = await readFile(new URL(`../../ops/nginx/engram-${name}.conf`, import.meta.url), "utf8");
  return text.replace(/^\s*#.*$/gm, "");
};

/** What the TLS server does with a path: nginx takes the exact location, else the longest prefix. */
function locationOf(conf: string, path: string): string {
  const [, tls = ""] = conf.split(/listen 443/);
  const locations = [...tls.matchAll(/location (=|\^~)? ?(\S+) \{([^}]*)\}/g)].map(
    ([, kind = "", pattern = "", body = ""]) => ({ kind, pattern, body: body.trim() }),
  );
  const exact = locations.find(({ kind, pattern }) => kind === "=" && pattern === path);
  const prefixes = locations.filter(({ kind, pattern }) => kind !== "=" && path.startsWith(pattern));
  return (exact ?? prefixes.toSorted((a, b) => b.pattern.length - a.pattern.length)[0])?.body ?? "";
}

/** A path of the route with something in place of its variable. */
const sample = (path: string) => path.replace(/[:{]\w+\}?/g, "v1::0123");

const documented = ROUTES.map(({ path, access }) => ({ path: sample(path), isAdmin: access === "admin" }));
const admin = new Set(documented.filter(({ isAdmin }) => isAdmin).map(({ path }) => path));
const served = miner.routes().map((route) => sample(route.slice(route.indexOf("/"))));

test("every public route of the miner passes nginx", async () => {
  const conf = await confOf("miner");
  const open = new Set([...served, ...documented.map(({ path }) => path)].filter((path) => !admin.has(path)));
  // What other nodes call, by name (spec 8.17): a list that cannot shrink with the routes.
  for (const path of ["/QuerySynapse", "/ChallengeSynapse", "/RepairSynapse", "/IngestSynapse", "/KeyShareRetrieve"]) {
    expect(open).toContain(path);
  }
  const closed = [...open].filter((path) => locationOf(conf, path) !== "proxy_pass http://engram_miner;");
  expect(closed).toEqual([]);
});

test("the operator's routes, and paths that are none, do not", async () => {
  const conf = await confOf("miner");
  expect(admin).toEqual(new Set(["/namespace", "/metrics", "/wallet-stats", "/wallet-stats/v1::0123"]));
  for (const path of [...admin, "/ready", "/", "/retrieve", "/IngestSynapse/", "/ingestsynapse"]) {
    expect([path, locationOf(conf, path)]).toEqual([path, "return 404;"]);
  }
});

test("what validators and gateways serve passes, too", async () => {
  const validator = await confOf("validator");
  for (const path of [COMMIT_PATH, VECTOR_PATH, COSIGN_PATH, PROPOSE_PATH, "/health"]) {
    expect(locationOf(validator, path)).toBe("proxy_pass http://engram_validator;");
  }
  const gateway = await confOf("gateway");
  const files = ["gateway-app", "reading-routes", "webhook-routes"].map((name) => `../../src/relay/gateway/${name}.ts`);
  const sources = await Promise.all(files.map((file) => readFile(new URL(file, import.meta.url), "utf8")));
  const paths = [...sources.join("").matchAll(/app\.(?:get|post|delete)\("([^"]+)"/g)].map(([, path = ""]) =>
    sample(path),
  );
  expect(paths.length).toBeGreaterThan(10);
  for (const path of paths) expect(locationOf(gateway, path)).toContain("proxy_pass http://engram_gateway;");
  expect(locationOf(gateway, "/v1/external-intelligence/stream")).toContain("proxy_buffering off;");
});

test.each(["miner", "validator", "gateway"])(
  "%s: TLS by certbot's files, and clients are told by nginx alone",
  async (name) => {
    const conf = await confOf(name);
    expect(conf.split("{").length).toBe(conf.split("}").length);
    const lines = conf.split("\n").map((line) => line.trim());
    expect(lines).toContain("ssl_protocols TLSv1.2 TLSv1.3;");
    expect(lines).toContain(`ssl_certificate /etc/letsencrypt/live/${name}.example.org/fullchain.pem;`);
    expect(lines).toContain(`ssl_certificate_key /etc/letsencrypt/live/${name}.example.org/privkey.pem;`);
    // Never $proxy_add_x_forwarded_for: it keeps what the client claims.
    expect(lines).toContain("proxy_set_header X-Forwarded-For $remote_addr;");
    expect(lines).toContain("proxy_set_header X-Forwarded-Proto $scheme;");
    expect(conf).not.toContain("proxy_add_x_forwarded_for");
    expect(conf).toContain("return 301 https://$host$request_uri;");
    for (const line of lines) expect(line).toMatch(/^$|[;{}]$/);
    if (name === "miner") {
      expect(Number(/client_max_body_size (\d+)m;/.exec(conf)?.[1]) * 1024 ** 2).toBe(MAX_BODY_BYTES);
    }
  },
);
