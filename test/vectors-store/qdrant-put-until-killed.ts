import { QdrantVectorStore } from "../../src/node/vectors/qdrant/qdrant-vector-store.ts";
import { SPACE, sampleRecord } from "./sample-records.ts";

// Stores and deletes in the file argv[2], with the Qdrant at argv[3], until it is killed; says what was acknowledged.
const [, , path = "", url = "", round = ""] = process.argv;
const store = new QdrantVectorStore({ path, url, collection: "engram" });
process.stdout.on("error", () => process.exit(1));

for (let n = 0; ; n++) {
  const cid = `${round}-${n}`;
  await store.put([sampleRecord(cid, n)]);
  process.stdout.write(`put ${cid}\n`);
  if (n % 4 === 3) {
    process.stdout.write(`try ${cid}\n`);
    await store.delete(SPACE, cid);
    process.stdout.write(`del ${cid}\n`);
  }
}
