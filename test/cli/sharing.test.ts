import { expect, test } from "vitest";
import { openEngram } from "../../src/node/open-engram.ts";
import { quiet } from "../support/client-bench.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";
import { engram, errorOf, temporaryFolder } from "./engram.ts";

test("a namespace is shared by three commands, and the grant is ended by one; the code is taken from standard input alone", async () => {
  await using miners = await TcpMiners.start(1);
  const [owner, reader] = [await temporaryFolder(), await temporaryFolder()];
  const run = (home: string, args: readonly string[], input = "") =>
    engram(home, args, input, { ENGRAM_MINERS: miners.list, ENGRAM_LOG_LEVEL: "debug" });
  await using client = openEngram({ home: owner, log: quiet, embedder: new TestEmbedder(), miners: miners.list });
  await client.store({ namespace: "team", items: [{ text: "the kettle whistles at noon" }] });
  await client.settle();
  const { stdout: address } = await run(reader, ["namespaces", "request"]);
  expect(address).toMatch(/^engram-reader-[\w-]+\n$/);
  const invited = await run(owner, ["namespaces", "invite", "team", "--to", address.trim(), "--expires", "30d"]);
  expect(invited).toMatchObject({ code: 0, stdout: expect.stringMatching(/^engram-invitation-[\w-]+\n$/) });
  expect(invited.stderr).toMatch(/may read "team" for \d+ days/);
  const code = invited.stdout.trim();

  const careless = await run(reader, ["namespaces", "join", code, "--json"]);
  expect([careless.code, errorOf(careless).code]).toEqual([2, "USAGE"]);
  const joined = await run(reader, ["namespaces", "join", "-"], `${code}\n`);
  expect(joined).toMatchObject({ code: 0, stdout: expect.stringMatching(/namespace +team\n.*\nmemories +1 memory/) });
  const refused = await run(reader, ["store", "--namespace", "team", "mine", "--json"]);
  expect([refused.code, errorOf(refused).code]).toEqual([3, "NAMESPACE_READ_ONLY"]);

  await client.store({ namespace: "team", items: [{ text: "the gate opens at nine" }] });
  await client.settle();
  const first = await run(reader, ["query", "when does the gate open?", "--namespace", "team "]);
  expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining("at nine") });

  const grants = await run(owner, ["namespaces", "grants"]);
  expect(grants.stdout).toMatch(/team +5\w+ +[0-9a-f]{32} +valid for/);
  const revoked = await run(owner, ["namespaces", "revoke", "team", "--json"]);
  expect(JSON.parse(revoked.stdout)).toMatchObject({
    epoch: 1,
    readers: 0,
    waiting: [],
    told: [miners.miners[0]?.hotkey],
  });
  for (const { stdout, stderr } of [careless, joined, refused, grants, revoked]) {
    expect(stdout + stderr).not.toContain(code.slice(20, 80));
  }
  expect(invited.stderr).not.toContain(code.slice(20, 80));
});
