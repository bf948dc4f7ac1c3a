import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { SPACE, sampleRecord } from "./sample-records.ts";

// Stores and deletes in the file argv[2] until it is killed; says on stdout what was acknowledged.
const [, , path = "", round = "", namespace = SPACE] = process.argv;
const store = new EmbeddedVectorStore({ path });

// Whoever reads may have failed first: then there is nobody left to tell, and nobody to kill this process.
process.stdout.on("error", () => process.exit(1));

async function write(writer: number): Promise<never> {
  for (let n = 0; ; n++) {
    const seed = (Number(round) * 31 + writer) * 1_009 + n;
    const cid = `${seed}-${round}-${writer}-${n}`;
    await store.put([sampleRecord(cid, seed, { namespace, metadata: JSON.stringify({ seed }) })]);
    process.stdout.write(`put ${cid}\n`);
    if (n % 5 === 4) {
      process.stdout.write(`try ${cid}\n`);
      await store.delete(namespace, cid);
      process.stdout.write(`del ${cid}\n`);
    }
  }
}

await Promise.all([0, 1, 2, 3].map(write));
