import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { parseSync } from "oxc-parser";
import { expect, test } from "vitest";

/** What a module loads at once: imports that are there for their types are gone when it runs. */
function loads(file: string): readonly string[] {
  const { module } = parseSync(file, readFileSync(file, "utf8"));
  return module.staticImports
    .filter(({ entries }) => entries.length === 0 || entries.some(({ isType }) => !isType))
    .map(({ moduleRequest: { value } }) => (value.startsWith(".") ? posix.join(posix.dirname(file), value) : value));
}

function loadedBy(files: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const pending = [...files];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    if (file.endsWith(".ts")) pending.push(...loads(file));
  }
  return found;
}

const heavy =
  /^(viem|@x402\/|@opentelemetry\/|@polkadot\/|better-sqlite3|pino|@energetic-ai\/|kysely)|^src\/(relay|node\/(chain|client\/(open|replication)))\//;
/** A few lines without imports of their own that weigh anything. */
const light = ["src/relay/payment/micro-dollars.ts", "src/node/chain/loopback.ts"];

test("a server that is asked for its tools alone loads no relay, payment, chain or store", () => {
  const starts = ["commands", "lazy-deps", "consent", "transports/stdio", "transports/http"];
  const loaded = loadedBy(starts.map((name) => `src/mcp/${name}.ts`));
  expect(loaded.size).toBeGreaterThan(60);
  expect([...loaded].filter((name) => heavy.test(name) && !light.includes(name))).toEqual([]);
  // The same check sees what is opened later.
  expect([...loadedBy(["src/mcp/open-relaying.ts"])]).toContain("viem");
  expect([...loadedBy(["src/node/runtime/otlp-traces.ts"])]).toContain("@opentelemetry/api");
});
