import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ArweaveGateway } from "../support/arweave-gateway.ts";
import { engram, errorOf, temporaryFolder } from "./engram.ts";

const ARWEAVE_KEY = new URL("../support/arweave-test-key.json", import.meta.url).pathname;

test("a file is archived, told of, and fetched again", async () => {
  await using gateway = await ArweaveGateway.start();
  const folder = await temporaryFolder();
  const home = join(folder, "home");
  const file = join(folder, "harvest.md");
  await writeFile(file, "# Harvest\n\nThe quinces were picked on the ninth of October.\n");
  const variables = { ARWEAVE_KEY, ARWEAVE_GATEWAY_URL: gateway.url, ENGRAM_ARWEAVE_MAX_WINSTON: "1000000" };
  const call = (...args: string[]) => engram(home, [...args, "--json"], "", variables);

  const poor = await engram(home, ["archive", file, "--json"], "", { ...variables, ENGRAM_ARWEAVE_MAX_WINSTON: "0" });
  expect(errorOf(poor)).toMatchObject({ code: "ARCHIVE_BUDGET", fix: expect.stringContaining("MAX_WINSTON") });

  const made = JSON.parse((await call("archive", file)).stdout) as { id: string; archive: { transactionId: string } };
  expect(made).toMatchObject({ type: "text", title: "harvest.md", archive: { state: "sent" } });
  gateway.mine(10);
  const { uploads } = JSON.parse((await call("archive", "status")).stdout) as { uploads: object[] };
  expect(uploads).toMatchObject([{ id: made.id, transactionId: made.archive.transactionId }]);
  expect(gateway.paid).toEqual([made.archive.transactionId]);

  const copy = join(folder, "copy.md");
  expect((await call("archive", "get", made.id, "-o", copy)).code).toBe(0);
  expect(await readFile(copy, "utf8")).toBe(await readFile(file, "utf8"));
  expect(errorOf(await call("archive", "get", made.id, "-o", copy))).toMatchObject({ code: "FILE_EXISTS" });
});
