import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
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
