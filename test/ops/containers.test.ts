import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseEnv, promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { configurations, variablesOf } from "./read-variables.ts";

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly image?: string;
}

interface Targets {
  readonly scrape_configs: readonly { readonly static_configs: readonly { readonly targets: readonly string[] }[] }[];
}

const root = new URL("../../", import.meta.url);
const fileAt = (path: string) => fileURLToPath(new URL(path, root));
const textOf = (path: string) => readFile(fileAt(path), "utf8");
const compose = await textOf("ops/compose.yml");
const dockerfile = await textOf("Dockerfile");
const { services, volumes } = parse(compose, { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: object;
};
const ours = configurations.map(([name, read]) => ({ name, read, service: services[name] as Service }));

describe("the services of ops/compose.yml", () => {
  test("are Engram's three, and those of the four profiles", () => {
    expect(ours.map(({ service }) => service.command)).toEqual([["miner"], ["validator"], ["gateway"]]);
    const profiles = Object.values(services).flatMap((service) => service.profiles ?? []);
    expect(new Set(profiles)).toEqual(new Set(["localnet", "qdrant", "qdrant-cluster", "metrics"]));
  });

  test.each(ours)("give the $name no variable that it does not read", ({ read, service }) => {
    const known = variablesOf(read);
    const given = Object.keys(service.environment ?? {});
    expect(given.filter((name) => !known.has(name))).toEqual([]);
    expect(given.length).toBeGreaterThan(5);
  });

  test.each(ours)("give the $name values that it takes, beside its defaults", ({ read, service }) => {
    const filled = Object.entries(service.environment ?? {}).map(([name, value]) => [name, spelledOut(value)]);
    expect(() => read(Object.fromEntries(filled.filter(([, value]) => value !== "")))).not.toThrow();
  });

  test.each(ours)("publish the port that the $name listens on", ({ service }) => {
    const listening = Object.entries(service.environment ?? {}).filter(([name]) => /^\w*PORT$/.test(name));
    const [, inside] = service.ports?.[0]?.split(":") ?? [];
    expect(listening.map(([, port]) => port)).toContain(inside);
    expect(service.ports).toHaveLength(1);
  });

  test("keep data in volumes that are declared, and mount files that exist", () => {
    const mounts = Object.values(services).flatMap((service) => service.volumes ?? []);
    const sources = mounts.map((mount) => mount.split(":")[0] ?? "");
    const files = sources.filter((source) => source.startsWith("./"));
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) expect([file, existsSync(fileAt(`ops/${file}`))]).toEqual([file, true]);
    expect(sources.filter((source) => !source.startsWith("./")).sort()).toEqual(Object.keys(volumes).sort());
    for (const { service } of ours) expect(service.volumes?.[0]).toMatch(/:\/data$/);
  });

  test("take from the outside what ops/env/compose.env.example names, with the same defaults", async () => {
    const example = parseEnv((await textOf("ops/env/compose.env.example")).replace(/^#(?=[A-Z])/gm, ""));
    const used = [...compose.matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(([, name = "", value = ""]) => [name, value]);
    expect(compose.match(/\$\{/g)).toHaveLength(used.length);
    const { COMPOSE_PROJECT_NAME: _, ...named } = example;
    expect(named).toEqual(Object.fromEntries(used));
    expect(used.length).toBeGreaterThan(10);
  });

  test("are scraped where their listeners are, by a Prometheus that Grafana asks", async () => {
    const { scrape_configs } = parse(await textOf("ops/prometheus/compose.yml")) as Targets;
    const targets = scrape_configs.flatMap(({ static_configs }) => static_configs.flatMap((one) => one.targets));
    const expected = ours.map(({ name, service }) => `${name}:${service.environment?.["ENGRAM_ADMIN_PORT"]}`);
    expect([...targets].sort()).toEqual(expected.sort());
    const source = await textOf("ops/grafana/compose/datasources/engram.yml");
    expect(source).toContain("url: http://prometheus:9090\n");
    expect(services["prometheus"]?.ports).toEqual(["127.0.0.1:9090:9090"]);
  });

  test("name fixed versions of what is not ours", () => {
    const images = Object.values(services).flatMap(({ image = "" }) => (image === "engram" ? [] : [image]));
    expect(images.length).toBeGreaterThan(4);
    for (const image of images) expect(image).toMatch(/:[\w.-]*\d[\w.-]*$|:devnet-ready$/);
  });
});

describe("the Dockerfile", () => {
  test("copies what the repository has and .dockerignore lets through", async () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = ""]) =>
      paths.split(" "),
    );
    expect(copied.length).toBeGreaterThan(5);
    const through = (await textOf(".dockerignore")).split("\n").filter((line) => line.startsWith("!"));
    for (const path of copied) {
      expect([path, existsSync(fileAt(path))]).toEqual([path, true]);
      expect(through).toContain(`!${path}`);
    }
  });

  test("runs as nobody in particular, checks its health where the services say that they are ready, and knows them", () => {
    expect(dockerfile).toMatch(/^USER engram$/m);
    expect(dockerfile).toContain("ENGRAM_ADMIN_HOST=0.0.0.0 ENGRAM_ADMIN_PORT=9190");
    expect(dockerfile).toMatch(
      /^HEALTHCHECK [^\n]*\\\n\s+CMD \["node", .*\$\{process\.env\.ENGRAM_ADMIN_PORT\}\/ready/m,
    );
    for (const { read } of ours) expect(variablesOf(read)).toContain("ENGRAM_ADMIN_HOST");
  });
});

const composer = await findComposer();
test.skipIf(composer === undefined)("compose itself takes the file, with every profile", async () => {
  const [program = "", ...before] = composer ?? [];
  const profiles = ["localnet", "qdrant", "qdrant-cluster", "metrics"].flatMap((name) => ["--profile", name]);
  const { stdout } = await promisify(execFile)(program, [
    ...before,
    ...["-f", fileAt("ops/compose.yml"), ...profiles, "config", "--services"],
  ]);
  expect(stdout.trim().split("\n").sort()).toEqual(Object.keys(services).sort());
});

/** What is in the file once nothing is set outside: the defaults. */
function spelledOut(value: string): string {
  return value.replace(/\$\{\w+:-([^}]*)\}/g, "$1");
}

async function findComposer(): Promise<readonly string[] | undefined> {
  for (const command of [["docker", "compose"], ["docker-compose"]]) {
    const [program = "", ...rest] = command;
    const found = await promisify(execFile)(program, [...rest, "version"]).then(
      () => true,
      () => false,
    );
    if (found) return command;
  }
  process.stderr.write("skipped: no compose here to check ops/compose.yml\n");
  return undefined;
}
