// A process of its own: stores memories in a shared folder, says so line by line, and pushes until it is ended.
import { openEngram } from "../../src/node/open-engram.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { TestEmbedder } from "./test-embedder.ts";

const [home = "", miners = "", name = "", count = "0"] = process.argv.slice(2);
const BATCH = 5;
const client = openEngram({ home, miners, log: createLogger({ level: "silent" }), embedder: new TestEmbedder() });
for (let from = 0; from < Number(count); from += BATCH) {
  const items = Array.from({ length: BATCH }, (_, i) => ({ text: `${name} wrote number ${from + i}` }));
  await client.store({ items });
  process.stdout.write(`stored ${from + BATCH}\n`);
}
process.stdout.write("done\n");
process.stdin.resume();
process.stdin.once("end", async () => {
  await client[Symbol.asyncDispose]();
  process.exit(0);
});
