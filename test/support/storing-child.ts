import { openMemoryClient } from "../../src/node/client/open-client.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { TestEmbedder } from "./test-embedder.ts";

/**
 * Run by the kill and the process tests: stores without end (or `count` memories), several at a time, and prints the
 * id and text of each one that was acknowledged; forgets one in ten again and prints that.
 */
const [home = "", name = "", count = "0"] = process.argv.slice(2);
const client = openMemoryClient({ home, log: createLogger({ level: "silent" }), embedder: new TestEmbedder() });

const say = (event: "began" | "stored" | "forgetting" | "forgot", about: string) =>
  process.stdout.write(`${JSON.stringify([event, about])}\n`);

async function storeOne(i: number): Promise<void> {
  const text = `${name} memory ${i} ${"long text. ".repeat(i % 40 === 0 ? 400 : 1)}`;
  const { stored } = await client.store({ items: [{ text, session: `${name}-${i % 3}` }] });
  const id = stored[0]?.id ?? "";
  say("stored", id);
  if (i % 10 !== 3) return;
  say("forgetting", id);
  await client.delete({ ids: [id] });
  say("forgot", id);
}

async function writer(offset: number): Promise<void> {
  for (let i = offset; count === "0" || i < Number(count); i += 4) await storeOne(i);
}

say("began", name);
await Promise.all([0, 1, 2, 3].map(writer));
await client[Symbol.asyncDispose]();
