import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { PUBLIC_NAMESPACE } from "../../src/node/ports.ts";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-owners-"));
});
afterEach(() => rm(folder, { recursive: true }));

const open = () => new EmbeddedVectorStore({ path: join(folder, "records.db") });
const someone = () => hotkeyOf(randomBytes(32));

test("the first claim makes the owner, also among processes and after a restart", async () => {
  const [alice, bob] = [someone(), someone()];
  {
    await using store = open();
    await using other = open();
    expect(await store.namespaces.ownerOf("notes")).toBeNull();
    const claims = await Promise.all([
      store.namespaces.claimNamespace("notes", alice, 1),
      other.namespaces.claimNamespace("notes", bob, 1),
    ]);
    expect(claims.filter(({ created }) => created)).toHaveLength(1);
    expect(claims[0]?.owner).toBe(claims[1]?.owner);
  }
  await using store = open();
  const owner = await store.namespaces.ownerOf("notes");
  expect([alice, bob]).toContain(owner);
  expect(await store.namespaces.claimNamespace("notes", someone(), 2)).toEqual({ owner, created: false });
});

test("the public space and a namespace without a name cannot be claimed", async () => {
  await using store = open();
  for (const name of [PUBLIC_NAMESPACE, ""]) {
    await expect(store.namespaces.claimNamespace(name, someone(), 1)).rejects.toMatchObject({
      code: "NAMESPACE_RESERVED",
    });
    expect(await store.namespaces.ownerOf(name)).toBeNull();
  }
});

test("an owner that cannot be read is an error, never nobody", async () => {
  const store = open();
  await store.namespaces.claimNamespace("notes", someone(), 1);
  await store[Symbol.asyncDispose]();
  await expect(store.namespaces.ownerOf("notes")).rejects.toMatchObject({ code: "STORE_CLOSED" });
  await expect(store.namespaces.claimNamespace("notes", someone(), 1)).rejects.toMatchObject({ code: "STORE_CLOSED" });
});

test("hand-overs, deletions and keys outlive a restart", async () => {
  const [alice, bob] = [someone(), someone()];
  const verifier = randomBytes(32);
  {
    await using store = open();
    const { namespaces } = store;
    for (const name of ["handed", "ended"]) await namespaces.claimNamespace(name, alice, 1);
    expect(await namespaces.changeOwner("handed", bob, bob)).toBe(false);
    expect(await namespaces.changeOwner("handed", alice, bob)).toBe(true);
    expect(await namespaces.deleteOwned("ended", bob, 2)).toBe(false);
    expect(await namespaces.deleteOwned("ended", alice, 2)).toBe(true);
    expect(await namespaces.createKeyed("keyed", verifier, 3)).toBe(true);
    expect(await namespaces.createKeyed("handed", verifier, 3)).toBe(false);
  }
  await using store = open();
  const { namespaces } = store;
  expect(await namespaces.ownerOf("handed")).toBe(bob);
  expect(await namespaces.ownerOf("ended")).toBeNull();
  expect(await namespaces.claimNamespace("ended", bob, 4)).toEqual({ owner: alice, created: false });
  expect(await namespaces.claimNamespace("keyed", bob, 4)).toEqual({ owner: null, created: false });
  expect(Buffer.from((await namespaces.verifierOf("keyed")) ?? [])).toEqual(verifier);
  expect(await namespaces.names("", 10)).toEqual(["handed", "keyed"]);
  expect(await namespaces.names("handed", 10)).toEqual(["keyed"]);
  expect(await namespaces.deleteKeyed("keyed", 5)).toBe(true);
  expect(await namespaces.verifierOf("keyed")).toBeNull();
  expect(await namespaces.claimNamespace("keyed", bob, 6)).toEqual({ owner: null, created: false });
  expect(await namespaces.claimNamespace("ended", alice, 6)).toEqual({ owner: alice, created: true });
});

test("a namespace ends with its records and no other's, whose bytes leave the file", async () => {
  const alice = someone();
  {
    await using store = open();
    await store.namespaces.claimNamespace("gone", alice, 1);
    const record = { cid: "v1::x", embedding: Float32Array.of(1, 0), createdAt: 1, expiresAt: null, ingestedBy: null };
    await store.put([
      { ...record, namespace: "gone", metadata: '{"t": "FORGOTTEN-CANARY"}' },
      { ...record, namespace: "kept", metadata: '{"t": "kept"}' },
    ]);
    expect(await store.namespaces.deleteOwned("gone", alice, 2)).toBe(true);
    expect([await store.count("gone"), await store.count("kept")]).toEqual([0, 1]);
  }
  for (const file of await readdir(folder)) {
    expect((await readFile(join(folder, file))).includes("FORGOTTEN-CANARY")).toBe(false);
  }
});
