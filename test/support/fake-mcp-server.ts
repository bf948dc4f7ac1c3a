// The shipped server over stdio, on a memory client that lives in this process.
import { parseConsentRules } from "../../src/mcp/consent.ts";
import { serveOverStdio } from "../../src/mcp/transports/stdio.ts";
import { FakeMemoryClient } from "./fake-memory-client.ts";

const [consent = "", chain = "local:test"] = process.argv.slice(2);
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const client = new FakeMemoryClient({ chain });
await serveOverStdio(
  { consent: parseConsentRules(consent) },
  { openClient: async () => client, log: { error: () => undefined, debug: () => undefined }, now: () => Date.now() },
  stop.signal,
);
