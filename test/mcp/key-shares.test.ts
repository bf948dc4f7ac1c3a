import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { shownName } from "../../src/crypto/namespace-name.ts";
import { parseConsentRules } from "../../src/mcp/consent.ts";
import { openWallet } from "../../src/node/chain/wallet.ts";
import { walletFolder } from "../../src/node/client/open-client.ts";
import { namespaceAccess } from "../../src/node/client/replication/namespace-access.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { FakeKeyShares } from "../support/fake-key-shares.ts";
import { FakeMemoryClient } from "../support/fake-memory-client.ts";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest } from "../support/mcp-server.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

class RemoteClient extends FakeMemoryClient {
  readonly keyShares = new FakeKeyShares();
}

async function serve(consent: string, namespace?: string) {
  const client = new RemoteClient({ chain: "0xabc", minerUrls: ["https://miner.example:8091"] });
  const options = { openClient: async () => client, consent: parseConsentRules(consent) };
  const server = await serveForTest(namespace === undefined ? options : { ...options, namespace });
  return { client, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

describe("moving keys", () => {
  test.each([
    ["engram_key_split", { namespace: "garden" }],
    ["engram_key_recover", { namespace: "garden" }],
  ])("%s needs a person, and an approval holds for these arguments alone", async (tool, args) => {
    await using setup = await serve("");
    await using session = await connect(setup.server, "auto");
    const refused = await session.call(tool, args);
    expect(refused.data).toMatchObject({ code: "CONSENT_REQUIRED" });
    const code = /engram approve (\w+)/.exec(refused.text)?.[1] ?? "";
    await setup.client.approvals.approve(code);
    expect((await session.call(tool, { namespace: "other" })).data).toMatchObject({ code: "CONSENT_REQUIRED" });
    expect(setup.client.keyShares.asked).toEqual([]);
    expect((await session.call(tool, args)).isError).toBe(false);
    expect(setup.client.keyShares.asked).toEqual([{ namespace: "garden" }]);
    expect((await session.call(tool, args)).data).toMatchObject({ code: "CONSENT_REQUIRED" });
  });

  test("a standing rule allows or forbids it", async () => {
    await using allowed = await serve("keys=allow");
    await using one = await connect(allowed.server, "auto");
    const split = await one.call("engram_key_split", { threshold: 2, holders: ["5A", "5B"] });
    expect(split.data).toMatchObject({ fingerprint: "aa-bb", stored: 1, complete: false, failed: ["5B"] });
    const recovered = await one.call("engram_key_recover", { wire_name: "n00" });
    expect(recovered.data).toMatchObject({ key: "saved", holders: { "5A": "share" } });
    // Where the file lies is the person's business.
    expect(recovered.text).not.toContain("/home/");
    expect(allowed.client.keyShares.asked).toEqual([{ threshold: 2, holders: ["5A", "5B"] }, { wireName: "n00" }]);
    await using denied = await serve("keys=deny");
    await using two = await connect(denied.server, "auto");
    expect((await two.call("engram_key_split", {})).data).toMatchObject({ code: "CONSENT_DENIED" });
    expect(denied.client.keyShares.asked).toEqual([]);
  });

  test("a pinned server moves its own namespace's key alone", async () => {
    await using setup = await serve("keys=allow", "garden");
    await using session = await connect(setup.server, "auto");
    for (const [tool, args] of [
      ["engram_key_split", { namespace: "main" }],
      ["engram_key_recover", { namespace: "main" }],
      ["engram_key_recover", { wire_name: "n00" }],
    ] as const) {
      expect((await session.call(tool, args)).data).toMatchObject({ code: "NAMESPACE_PINNED" });
    }
    await session.call("engram_key_recover", {});
    expect(setup.client.keyShares.asked).toEqual([{ namespace: "garden" }]);
  });

  test("without miners the answer says so, and wrong arguments are named", async () => {
    await using server = await serveForTest();
    await using session = await connect(server, "auto");
    expect((await session.call("engram_key_split", {})).data).toMatchObject({ code: "NO_MINERS" });
    for (const [tool, args] of [
      ["engram_key_split", { threshold: 1 }],
      ["engram_key_split", { secret: "00" }],
      ["engram_key_recover", { namespace: "a", wire_name: "b" }],
    ] as const) {
      expect((await session.call(tool, args)).data).toMatchObject({ code: "INVALID_ARGUMENTS" });
    }
  });
});

describe("on real miners of this machine", () => {
  let bench: ClientBench;
  beforeEach(async () => {
    bench = await ClientBench.make();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  test("a key is split, a miner stops, and the key is recovered: nobody needs to be asked", async () => {
    await using miners = await TcpMiners.start(4);
    const home = bench.home;
    await using client = openEngram({ home, log: quiet, embedder: new TestEmbedder(), miners: miners.list });
    await using server = await serveForTest({ openClient: async () => client });
    await using session = await connect(server, "auto");
    const split = await session.call("engram_key_split", {});
    const said = [split.text];
    expect(split.data).toMatchObject({ threshold: 3, total: 4, stored: 4, complete: true, independent: false });
    await miners.stop(2);
    const recovered = await session.call("engram_key_recover", {});
    said.push(recovered.text, (await session.call("engram_status")).text);
    const { memoryRoot, phrase } = await openWallet(walletFolder(home));
    const place = { name: shownName("main"), epoch: 0, plainName: false };
    const { secret } = namespaceAccess(memoryRoot.reveal(), place);
    for (const hidden of [
      Buffer.from(secret).toString("hex"),
      Buffer.from(secret).toString("base64"),
      phrase?.reveal(),
    ]) {
      expect(String(hidden).length).toBeGreaterThan(30);
      expect(said.join()).not.toContain(hidden);
    }
    const { fingerprint } = split.data as { fingerprint: string };
    expect(recovered.data).toMatchObject({ fingerprint, valid: 3, key: "held" });
    expect(Object.values((recovered.data as { holders: object }).holders).sort()).toEqual([
      "share",
      "share",
      "share",
      "unreachable",
    ]);
  });
});
