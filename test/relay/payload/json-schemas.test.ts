import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { inferenceV2, memoryV2, rankingV1, rankingV2 } from "../../../src/relay/payload/schemas.ts";
import { receiptSchema } from "../../../src/relay/receipt.ts";
import { checkpointSchema, successionSchema } from "../../../src/relay/signed-statement.ts";

const FOLDER = new URL("../../../docs/schemas/relay/", import.meta.url);

/** The published schemas are made from the ones that are checked at run time: `ENGRAM_WRITE_SCHEMAS=1` writes them. */
test.each([
  ["ranking.v1.json", rankingV1],
  ["ranking.v2.json", rankingV2],
  ["memory.v2.json", memoryV2],
  ["inference.v2.json", inferenceV2],
  ["receipt.v1.json", receiptSchema],
  ["checkpoint.v1.json", checkpointSchema],
  ["succession.v1.json", successionSchema],
])("docs/schemas/relay/%s says what is checked", async (name, schema) => {
  const file = new URL(name, FOLDER);
  const made = z.toJSONSchema(schema, { io: "input" });
  if (process.env["ENGRAM_WRITE_SCHEMAS"] === "1") await writeFile(file, `${JSON.stringify(made, null, 2)}\n`);
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual(JSON.parse(JSON.stringify(made)));
});
