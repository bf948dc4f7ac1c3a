import { test as property } from "@fast-check/vitest";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sealEnvelope } from "../../src/crypto/envelope.ts";
import { memoryRoot } from "../../src/crypto/keys.ts";
import { shownName } from "../../src/crypto/namespace-name.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { isSubnetObject, type SubnetObject, toPlain } from "../../src/crypto/subnet-json.ts";
import { readSubnetJson } from "../../src/crypto/subnet-json-reader.ts";
import { writePythonDefault } from "../../src/crypto/subnet-json-writer.ts";
import type { MemoryId } from "../../src/node/client/memory.ts";
import { nextAttemptAt, refusalOutcome } from "../../src/node/client/replication/delivery-policy.ts";
import { parseMinerList } from "../../src/node/client/replication/miner-list.ts";
import { namespaceAccess } from "../../src/node/client/replication/namespace-access.ts";
import {
  envelopeOf,
  joinParts,
  openRecord,
  privateRecordCid,
  privateRecordFromJournal,
  sealRecords,
} from "../../src/node/client/replication/private-record.ts";
import { type PublicMemory, publicRecords, verifyAuthor } from "../../src/node/client/replication/public-record.ts";
import { updatePin } from "../../src/node/protocol/capability-pins.ts";

const sr25519 = await loadSr25519();
const root = memoryRoot(new Uint8Array(32).fill(7));
const access = namespaceAccess(root, { name: shownName("main"), epoch: 0, plainName: false });
const other = namespaceAccess(root, { name: shownName("other"), epoch: 0, plainName: false });

describe("private records", () => {
  property.prop(
    [fc.string({ unit: "grapheme", maxLength: 9_000 }), fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }))],
    {
      numRuns: 60,
    },
  )("whatever a memory holds comes back from its parts, and every record fits", (text, metadata) => {
    const content = { text: text.toWellFormed(), metadata: JSON.parse(JSON.stringify(metadata)), seq: 3 };
    const records = sealRecords(access, "memory", "m_x", content);
    for (const record of records) {
      expect(record.metadata.length + 1).toBeLessThanOrEqual(4096);
      expect(Object.keys(JSON.parse(record.metadata))).toEqual(["_enc"]);
    }
    const parts = records.map((record) => openRecord(access, envelopeOf(record.metadata)));
    const joined = joinParts(parts);
    expect(joined && JSON.parse(JSON.stringify(toPlain(joined)))).toEqual(JSON.parse(JSON.stringify(content)));
    if (parts.length > 1) expect(joinParts(parts.slice(1))).toBeUndefined();
  });

  test("the length tells next to nothing", () => {
    const lengths = Array.from({ length: 40 }, (_, i) => {
      const [record] = sealRecords(access, "memory", "m_x", { text: "a".repeat(i * 5) });
      return record?.metadata.length;
    });
    expect(new Set(lengths).size).toBeLessThanOrEqual(2);
  });

  test("the sealed vector's CID is the same on every machine, another in another dimension or namespace", () => {
    const [record] = sealRecords(access, "memory", "m_x", { text: "a" });
    if (!record) throw new Error("no record");
    expect(privateRecordCid(access, record, 384)).toBe(privateRecordCid(access, record, 384));
    const cids = [
      privateRecordCid(access, record, 384),
      privateRecordCid(access, record, 512),
      privateRecordCid(other, record, 384),
    ];
    expect(new Set(cids).size).toBe(3);
  });

  test("an envelope of another namespace, one that was damaged, and one a stranger wrote are refused", () => {
    const [record] = sealRecords(access, "memory", "m_x", { text: "a" });
    const envelope = envelopeOf(record?.metadata ?? "");
    expect(() => openRecord(other, envelope)).toThrow("cannot be opened");
    expect(() =>
      openRecord(access, `${envelope.slice(0, 80)}${envelope[80] === "A" ? "B" : "A"}${envelope.slice(81)}`),
    ).toThrow();
    const forgery = {
      v: 1,
      kind: "memory",
      ns: access.wireName,
      id: "m_x",
      part: 0,
      parts: 1,
      text: "lie",
      mac: "0".repeat(64),
    };
    const forged = sealEnvelope(Buffer.from(JSON.stringify(forgery)), access.keys.publicKey);
    expect(() => openRecord(access, forged)).toThrow("not written by the owner");
  });

  test("a journal row that holds more than an envelope is not a private record", () => {
    const row = { wireName: "n", recordId: "r", metadata: '{"_enc":"x","text":"y"}' };
    expect(() => privateRecordFromJournal(row)).toThrow("more than its envelope");
  });
});

describe("public records", () => {
  const pair = sr25519.pairFromSeed(new Uint8Array(32).fill(3));
  const signer = { hotkey: hotkeyOf(pair.publicKey), sign: (message: Uint8Array) => sr25519.sign(pair, message) };
  const memory: PublicMemory = {
    id: "m_public" as MemoryId,
    namespace: "public",
    visibility: "public",
    text: "Ünïcode sentence. ".repeat(300),
    metadata: { topic: "x", nested: { a: [1, 2.5] } },
    session: "s",
    seq: 1,
    at: 1,
    createdAt: 2,
  };
  const records = publicRecords(memory, "local:a", signer);
  const first = metadataOf(records[0]?.metadata ?? "");

  function metadataOf(text: string): SubnetObject {
    const document = readSubnetJson(text);
    return isSubnetObject(document) ? document : new Map();
  }

  test("parts fit a record, join to the text, and carry a signature that verifies", () => {
    expect(records.map(({ text }) => text).join("")).toBe(memory.text);
    for (const record of records)
      expect(writePythonDefault(metadataOf(record.metadata)).length).toBeLessThanOrEqual(4096);
    const authored = verifyAuthor(first, "local:a", sr25519);
    expect(authored).toMatchObject({
      author: signer.hotkey,
      id: "m_public",
      part: 0,
      metadata: memory.metadata,
      createdAt: 2,
    });
  });

  test.each([
    ["the text", "text", "something else"],
    ["a key of the user", "topic", "y"],
    ["the author", "author", hotkeyOf(sr25519.pairFromSeed(new Uint8Array(32).fill(4)).publicKey)],
    ["an added key", "more", "z"],
    ["no signature", "author_sig", ""],
  ])("changed in %s it is nobody's", (_, key, value) => {
    expect(verifyAuthor(new Map([...first, [key, value]]), "local:a", sr25519)).toBeUndefined();
  });

  test("a key a miner adds for itself changes nothing; another chain does", () => {
    expect(verifyAuthor(new Map([...first, ["_emb_hash", "x"]]), "local:a", sr25519)?.metadata).toEqual(
      memory.metadata,
    );
    expect(verifyAuthor(first, "0xfinney", sr25519)).toBeUndefined();
  });
});

describe("pinned capabilities", () => {
  const statement = (caps: readonly string[], issued_at: number) => ({
    chain: "local:a",
    hotkey: hotkeyOf(sr25519.pairFromSeed(new Uint8Array(32).fill(5)).publicKey),
    caps: [...caps],
    profile: { model: "m", dim: 8, normalized: true },
    endpoint: "e",
    issued_at,
    signature: "0x",
  });
  const HOUR = 3_600_000;
  const pin = updatePin(undefined, statement(["private1", "expiry1"], 1), 0);

  test("rise at once; nothing, or an older statement, lowers them", () => {
    expect(updatePin(pin, statement(["private1", "expiry1", "proof2"], 2), 1)?.caps).toHaveLength(3);
    expect(updatePin(pin, undefined, 1)).toBe(pin);
    expect(updatePin(pin, statement([], 0), 100 * HOUR)).toBe(pin);
  });

  test("fall when a newer statement held for 24 hours, and not before", () => {
    const begun = updatePin(pin, statement(["expiry1"], 2), 0);
    expect(begun?.caps).toContain("private1");
    expect(updatePin(begun, statement(["expiry1"], 3), 23 * HOUR)?.caps).toContain("private1");
    expect(updatePin(begun, statement(["expiry1"], 3), 24 * HOUR)?.caps).toEqual(["expiry1"]);
    // Taken back in between, the time begins anew.
    const back = updatePin(begun, statement(["private1", "expiry1"], 3), 10 * HOUR);
    const again = updatePin(back, statement(["expiry1"], 4), 11 * HOUR);
    expect(updatePin(again, statement(["expiry1"], 5), 30 * HOUR)?.caps).toContain("private1");
  });
});

describe("trying again", () => {
  test("waits twice as long each time, at most an hour, and as long as asked", () => {
    const waits = [1, 2, 3, 30].map((attempts) => nextAttemptAt(0, attempts, 0, () => 0.5));
    expect(waits).toEqual([2_000, 4_000, 8_000, 3_600_000]);
    expect(nextAttemptAt(0, 1, 60_000, () => 0.5)).toBe(60_000);
  });

  test.each([
    [400, "impossible"],
    [413, "impossible"],
    [429, "later"],
    [401, "later"],
    [500, "later"],
    [200, "later"],
  ])("status %i is %s", (status, kind) => {
    const reply = { status, text: "", headers: new Headers(), elapsedMs: 1 };
    expect(refusalOutcome(reply, "no", 1).kind).toBe(kind);
  });
});

describe("ENGRAM_MINERS", () => {
  const hotkey = hotkeyOf(new Uint8Array(32).fill(9));
  test("hotkey@url, separated by commas", () => {
    expect(parseMinerList(` ${hotkey}@http://127.0.0.1:8091/ , `)).toEqual([
      { hotkey, url: "http://127.0.0.1:8091", embedded: false, uid: 0 },
    ]);
  });
  test.each([
    "http://127.0.0.1:8091",
    `x@http://a`,
    `${hotkey}@ftp://a`,
    `${hotkey}@http://user:secret@a`,
    `${hotkey}@http://a,${hotkey}@http://b`,
  ])("%s is refused", (text) => {
    expect(() => parseMinerList(text)).toThrow("the list of miners");
  });
});
