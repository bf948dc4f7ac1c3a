import { join } from "node:path";
import Database from "better-sqlite3";
import { openBenchClient } from "../bench-client.ts";
import { fact } from "../facts.ts";
import { type Result, result } from "../report.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const SECONDS = 4;

/** Rows a second of the plainest durable loop: one insert of the same text, `group` rows to a commit. */
async function bareLoop(group: number): Promise<number> {
  return withTemporaryFolder(async (folder) => {
    const database = new Database(join(folder, "bare.db"));
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.exec("CREATE TABLE memory (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT");
    const insert = database.prepare("INSERT INTO memory (text) VALUES (?)");
    const commit = database.transaction((from: number) => {
      for (let row = 0; row < group; row += 1) insert.run(fact(from + row));
    });
    let rows = 0;
    const began = performance.now();
    for (; performance.now() - began < SECONDS * 1_000; rows += group) commit(rows);
    const perSecond = rows / ((performance.now() - began) / 1_000);
    database.close();
    return perSecond;
  });
}

/** Acknowledged stores a second of `writers` callers, each waiting for its own acknowledgement. */
async function engram(writers: number): Promise<number> {
  return withTemporaryFolder(async (folder) => {
    await using client = await openBenchClient(folder);
    await client.store({ items: [{ text: "warm" }], session: "warm" });
    let stored = 0;
    const began = performance.now();
    const write = async () => {
      while (performance.now() - began < SECONDS * 1_000) {
        const index = stored;
        stored += 1;
        await client.store({ items: [{ text: fact(index) }], session: `s${index % 50}` });
      }
    };
    await Promise.all(Array.from({ length: writers }, write));
    return stored / ((performance.now() - began) / 1_000);
  });
}

export async function durableStores(): Promise<Result[]> {
  const results: Result[] = [];
  for (const writers of [1, 64]) {
    const bare = { name: `bare better-sqlite3 FULL, ${writers} rows a commit`, value: await bareLoop(writers) };
    results.push(result(`durable stores, ${writers} writers`, "1/s", await engram(writers), bare));
  }
  return results;
}
