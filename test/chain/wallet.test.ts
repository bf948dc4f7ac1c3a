import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { importPhrase, loadHotkeyFile, markBackupMade, openWallet } from "../../src/node/chain/wallet.ts";
import { Secret } from "../../src/node/runtime/secret.ts";

const phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
const seed = "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e";
const address = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV";
const other = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

/** A process that opens the folders of its arguments one after the other as soon as it is told to. */
const opener = `
  const { openWallet } = await import(${JSON.stringify(new URL("../../src/node/chain/wallet.ts", import.meta.url))});
  const { loadSr25519 } = await import(${JSON.stringify(new URL("../../src/crypto/sr25519.ts", import.meta.url))});
  await loadSr25519();
  console.log("ready");
  for await (const _ of process.stdin) break;
  const hotkeys = [];
  for (const folder of process.argv.slice(1)) hotkeys.push((await openWallet(folder)).hotkey);
  console.log(hotkeys.join());
  process.exit();
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-wallet-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("the wallet of a folder", () => {
  test("is created once, complete and private, and opens again as the same", async () => {
    const wallet = await openWallet(join(folder, "wallet"));
    const again = await openWallet(join(folder, "wallet"));
    expect(again.hotkey).toBe(wallet.hotkey);
    expect(toHex(again.memoryRoot.reveal())).toBe(toHex(wallet.memoryRoot.reveal()));
    expect(wallet.phrase?.reveal().split(" ")).toHaveLength(12);
    expect(await readdir(join(folder, "wallet"))).toEqual(["hotkey"]);
    expect((await stat(join(folder, "wallet", "hotkey"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "wallet"))).mode & 0o777).toBe(0o700);
  });

  test("signs under its public key", async () => {
    const wallet = await openWallet(folder);
    const message = Buffer.from("message");
    const sr25519 = await loadSr25519();
    expect(sr25519.verify(wallet.sign(message), message, wallet.publicKey)).toBe(true);
    expect(sr25519.verify(wallet.sign(message), Buffer.from("other"), wallet.publicKey)).toBe(false);
  });

  test("shows no secret when printed", async () => {
    const wallet = await openWallet(folder);
    const shown = inspect(wallet, { depth: 9, showHidden: true }) + JSON.stringify(wallet);
    expect(shown).not.toContain(wallet.phrase?.reveal());
    expect(shown).not.toContain(toHex(wallet.memoryRoot.reveal()));
    expect(shown).toContain(wallet.hotkey);
  });

  test("is recovered from its phrase in another folder", async () => {
    const wallet = await openWallet(join(folder, "a"));
    const recovered = await importPhrase(join(folder, "b"), new Secret(` ${wallet.phrase?.reveal().toUpperCase()}\n`));
    expect(recovered.hotkey).toBe(wallet.hotkey);
    expect(toHex(recovered.memoryRoot.reveal())).toBe(toHex(wallet.memoryRoot.reveal()));
    expect([wallet.backupMade, recovered.backupMade]).toEqual([false, true]);
    expect((await openWallet(join(folder, "b"))).backupMade).toBe(true);
  });

  test("is never overwritten by an import, nor by a wrong phrase", async () => {
    const wallet = await openWallet(folder);
    await expect(importPhrase(folder, new Secret(phrase))).rejects.toMatchObject({ code: "WALLET_EXISTS" });
    await expect(importPhrase(folder, new Secret("not a phrase"))).rejects.toMatchObject({ code: "PHRASE_INVALID" });
    expect(await openWallet(folder)).toMatchObject({ hotkey: wallet.hotkey, backupMade: false });
    const same = wallet.phrase ?? new Secret("");
    expect((await importPhrase(folder, same)).hotkey).toBe(wallet.hotkey);
  });

  test("remembers that a backup was made", async () => {
    expect((await openWallet(folder)).backupMade).toBe(false);
    await markBackupMade(folder);
    await markBackupMade(folder);
    expect((await openWallet(folder)).backupMade).toBe(true);
  });

  test.each(["", "{", "half a file"])("damaged as %j it is refused and kept", async (content) => {
    await writeFile(join(folder, "hotkey"), content);
    await expect(openWallet(folder)).rejects.toMatchObject({ code: "HOTKEY_INVALID" });
    expect(await readFile(join(folder, "hotkey"), "utf8")).toBe(content);
  });

  test("four processes on empty folders get one wallet in each", async () => {
    const folders = Array.from({ length: 6 }, (_, index) => join(folder, "deep", String(index)));
    const children = folders.slice(0, 4).map(() =>
      spawn(process.execPath, ["--input-type=module", "--eval", opener, ...folders], {
        stdio: ["pipe", "pipe", "inherit"],
      }),
    );
    const lines = children.map((child) => createInterface({ input: child.stdout })[Symbol.asyncIterator]());
    await Promise.all(lines.map((line) => line.next()));
    const exits = children.map((child) => once(child, "exit"));
    for (const child of children) child.stdin.end("go\n");
    const answers = await Promise.all(lines.map(async (line) => (await line.next()).value));
    for (const exit of exits) expect(await exit).toEqual([0, null]);

    const wallets = await Promise.all(folders.map((each) => openWallet(each)));
    const hotkeys = wallets.map((wallet) => wallet.hotkey);
    expect(new Set(hotkeys).size).toBe(folders.length);
    expect(new Set(answers)).toEqual(new Set([hotkeys.join()]));
    for (const each of folders) expect(await readdir(each)).toEqual(["hotkey"]);
  });
});

describe("a btcli hotkey file", () => {
  async function load(content: unknown): ReturnType<typeof loadHotkeyFile> {
    const path = join(folder, "key");
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return loadHotkeyFile(path);
  }

  test.each<[string, unknown]>([
    ["with everything", { secretPhrase: phrase, secretSeed: seed, ss58Address: address, cryptoType: 1 }],
    ["with a phrase", { secretPhrase: phrase, secretSeed: null, ss58Address: address }],
    ["with a seed", { secretSeed: seed, ss58Address: address, privateKey: "0x00" }],
    ["with the old spelling", { secretSeed: seed, " ss58Address": address }],
    ["that is a bare seed", `${seed}\n`],
    ["that is a bare phrase", phrase],
  ])("%s loads as the same wallet", async (_, content) => {
    const wallet = await load(content);
    expect(wallet.hotkey).toBe(address);
    expect(wallet.backupMade).toBe(true);
    const imported = await importPhrase(join(folder, "wallet"), new Secret(phrase));
    expect(toHex(wallet.memoryRoot.reveal())).toBe(toHex(imported.memoryRoot.reveal()));
  });

  test.each<[string, unknown, RegExp]>([
    ["HOTKEY_MISMATCH", { secretPhrase: phrase, ss58Address: other }, /address/],
    ["HOTKEY_MISMATCH", { secretPhrase: phrase, secretSeed: `0x${"11".repeat(32)}`, ss58Address: address }, /seed/],
    ["HOTKEY_WATCH_ONLY", { ss58Address: address }, /without a secret/],
    ["HOTKEY_UNSUPPORTED", { encoded: "abc", encoding: {}, address }, /polkadot\.js/],
    ["HOTKEY_UNSUPPORTED", { secretSeed: seed, ss58Address: address, cryptoType: 0 }, /sr25519/],
    ["HOTKEY_MISMATCH", { privateKey: `0x${"11".repeat(64)}`, ss58Address: address }, /private key/],
    ["HOTKEY_INVALID", { privateKey: "0x11", ss58Address: address }, /64 bytes/],
    ["HOTKEY_ENCRYPTED", "$NACLxxxx", /\$NACL/],
    ["HOTKEY_UNSUPPORTED", "$ANSIBLE_VAULT;1.1;AES256", /Ansible/],
    ["HOTKEY_UNSUPPORTED", "gAAAAABxxxx", /Fernet/],
    ["HOTKEY_INVALID", { secretSeed: "0x12", ss58Address: address }, /32 bytes/],
    ["HOTKEY_INVALID", { secretSeed: seed, ss58Address: "5abc" }, /SS58/],
    ["HOTKEY_INVALID", {}, /neither/],
    ["HOTKEY_INVALID", `{"secretPhrase":"${phrase}"`, /JSON/],
    ["PHRASE_INVALID", { secretPhrase: "abandon abandon" }, /phrase/],
  ])("%s", async (code, content, message) => {
    const failure: unknown = await load(content).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message), fix: expect.any(String) });
    const shown = inspect(failure, { depth: 9 });
    for (const secret of [seed, "bottom drive", "xxxx", "abandon"]) expect(shown).not.toContain(secret);
  });

  test("that is missing, or far too large, is said to be so", async () => {
    await expect(loadHotkeyFile(join(folder, "none"))).rejects.toMatchObject({ code: "HOTKEY_NOT_FOUND" });
    await expect(load("x".repeat(70_000))).rejects.toMatchObject({ code: "WALLET_UNREADABLE" });
  });
});
