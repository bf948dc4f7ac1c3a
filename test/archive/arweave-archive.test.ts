import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readArchiveKey } from "../../src/node/archive/archive-key.ts";
import { archiveUrl } from "../../src/node/archive/archive-url.ts";
import { ArweaveArchive } from "../../src/node/archive/arweave-archive.ts";
import type { Archive } from "../../src/node/ports.ts";
import { ArweaveGateway } from "../support/arweave-gateway.ts";
import testKey from "../support/arweave-test-key.json" with { type: "json" };

const keyFile = new URL("../support/arweave-test-key.json", import.meta.url).pathname;
const tags = [{ name: "App-Name", value: "Engram" }];
const limit = { maxBytes: 2_000_000 };

let gateway: ArweaveGateway;
let archive: Archive;
beforeEach(async () => {
  gateway = await ArweaveGateway.start();
  archive = await ArweaveArchive.open({ gateway: gateway.url, key: await readArchiveKey(keyFile) });
});
afterEach(() => gateway[Symbol.asyncDispose]());

async function upload(data: Uint8Array) {
  const signed = await archive.sign(data, { tags, maxWinston: 1e12 });
  await archive.send(signed, data);
  gateway.mine();
  return signed;
}

describe("Arweave", () => {
  test.each([1, 1_000, 262_144, 262_145, 700_000])("takes %d bytes and gives them back", async (size) => {
    const data = randomBytes(size);
    const signed = await upload(data);
    expect(signed.winston).toBe(await archive.price(size));
    expect(gateway.tags()).toEqual(["App-Name=Engram"]);
    expect(await archive.state(signed.transactionId)).toEqual({ state: "mined", confirmations: 1 });
    expect((await archive.fetch(signed.transactionId, limit)).equals(data)).toBe(true);
    expect(archiveUrl(gateway.url, signed.transactionId)).toBe(`${gateway.url}/${signed.transactionId}`);
  });

  test("signing sends nothing; sending the same again pays once", async () => {
    const data = randomBytes(300_000);
    const signed = await archive.sign(data, { tags, maxWinston: 1e12 });
    expect(gateway.requests.filter((request) => request.startsWith("POST"))).toEqual([]);
    expect(await archive.state(signed.transactionId)).toEqual({ state: "unknown" });
    gateway.faults.loseAnswers = 1;
    await expect(archive.send(signed, data)).rejects.toMatchObject({ code: "ARCHIVE_UNREACHABLE" });
    expect(await archive.state(signed.transactionId)).toEqual({ state: "pending" });
    await archive.send(signed, data);
    await archive.send(signed, data);
    gateway.mine();
    expect(gateway.paid).toEqual([signed.transactionId]);
  });

  test("mangled bytes and forged headers are caught", async () => {
    const { transactionId } = await upload(randomBytes(5_000));
    gateway.faults.mangle = true;
    await expect(archive.fetch(transactionId, limit)).rejects.toMatchObject({ code: "ARCHIVE_MANGLED" });
    gateway.faults.mangle = false;
    gateway.faults.forgeHeader = true;
    await expect(archive.fetch(transactionId, limit)).rejects.toMatchObject({ code: "ARCHIVE_MANGLED" });
    gateway.faults.forgeHeader = false;
    await expect(archive.fetch(transactionId, limit)).resolves.toHaveLength(5_000);
  });

  test("nothing is signed for more than was agreed, and no other bytes are sent than were signed for", async () => {
    const data = randomBytes(100);
    const price = await archive.price(100);
    const dear = archive.sign(data, { tags, maxWinston: price - 1 });
    await expect(dear).rejects.toMatchObject({ code: "ARCHIVE_TOO_DEAR" });
    const signed = await archive.sign(data, { tags, maxWinston: price });
    await expect(archive.send(signed, randomBytes(100))).rejects.toMatchObject({ code: "ARCHIVE_MANGLED" });
    expect(gateway.held.size).toBe(0);
  });

  test("what can be tried again is told from what cannot", async () => {
    const data = randomBytes(10);
    const signed = await archive.sign(data, { tags, maxWinston: 1e12 });
    gateway.faults.down = true;
    const { transactionId } = signed;
    for (const call of [() => archive.price(1), () => archive.send(signed, data), () => archive.state(transactionId)]) {
      await expect(call()).rejects.toMatchObject({ code: "ARCHIVE_UNREACHABLE" });
    }
    gateway.faults.down = false;
    gateway.faults.refuse = true;
    await expect(archive.send(signed, data)).rejects.toMatchObject({ code: "ARCHIVE_REFUSED" });
    await expect(archive.fetch(signed.transactionId, limit)).rejects.toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
    gateway.faults.refuse = false;
    const { transactionId: large } = await upload(randomBytes(2_001));
    await expect(archive.fetch(large, { maxBytes: 2_000 })).rejects.toMatchObject({ code: "HTTP_TOO_LARGE" });
  });

  test("the stub itself takes no cheap, unsigned or exchanged transaction", async () => {
    const data = randomBytes(100);
    const signed = await archive.sign(data, { tags, maxWinston: 1e12 });
    const header = JSON.parse(signed.header) as Record<string, unknown>;
    for (const wrong of [{ reward: "1" }, { id: "A".repeat(43) }, { quantity: "5" }, { tags: [] }]) {
      const body = { header: JSON.stringify({ ...header, ...wrong }) };
      await expect(archive.send(body, data)).rejects.toMatchObject({ code: "ARCHIVE_REFUSED" });
    }
    gateway.rate = 11;
    await expect(archive.send(signed, data)).rejects.toMatchObject({ code: "ARCHIVE_REFUSED" });
  });
});

describe("the wallet", () => {
  test("is read from a file or from the variable itself, and never shown", async () => {
    const key = await readArchiveKey(JSON.stringify(testKey));
    expect(key.reveal().n).toBe(testKey.n);
    expect(`${key} ${JSON.stringify({ key })} ${inspect({ key })}`).not.toContain(testKey.d.slice(0, 12));
  });

  test.each(["/nowhere/wallet.json", "{", '{"kty":"RSA","d":"c2VjcmV0"}', `{"kty":"EC"}`])(
    "%s is refused without being quoted",
    async (variable) => {
      const refused = await readArchiveKey(variable).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "ARCHIVE_KEY_INVALID" });
      expect(String((refused as Error).message)).not.toContain("c2VjcmV0");
    },
  );
});
