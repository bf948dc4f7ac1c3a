import * as crypto from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { naclEncrypt } from "@polkadot/util-crypto/nacl";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { decodeHotkey } from "../../src/crypto/ss58.ts";
import { passwordSource, passwordVariable } from "../../src/node/chain/key-password.ts";
import { type Argon2Cost, isNaclFile, openNaclFile } from "../../src/node/chain/nacl-key-file.ts";
import {
  createWallet,
  findWallet,
  importHotkeyFile,
  loadHotkeyFile,
  loadSigner,
  openWallet,
} from "../../src/node/chain/wallet.ts";
import { Secret } from "../../src/node/runtime/secret.ts";

const phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
const seed = "fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e";
const address = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV";
const plain = JSON.stringify({ secretPhrase: phrase, secretSeed: `0x${seed}`, ss58Address: address, cryptoType: 1 });
const password = new Secret("correct horse");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-keys-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** OpenSSL's argon2, which Node's types do not name yet. */
const { argon2Sync } = crypto as unknown as {
  argon2Sync(algorithm: "argon2i", options: Record<string, unknown>): Buffer;
};

/** The file as btcli writes it, by another implementation of argon2 than the product's. */
function naclFile(text: string, { passes, memory }: Argon2Cost, key?: Buffer): Buffer {
  const nonce = Buffer.from("137183dff15a09bc9c90b5518739e9b1", "hex");
  const derived = () =>
    argon2Sync("argon2i", { message: "correct horse", nonce, parallelism: 1, tagLength: 32, memory, passes });
  const sealed = naclEncrypt(Buffer.from(text), key ?? derived());
  return Buffer.concat([Buffer.from("$NACL"), sealed.nonce, sealed.encrypted]);
}

describe("a key file that btcli encrypted", () => {
  const cost = { passes: 2, memory: 256 };

  test("opens with its password, and with no other", async () => {
    const file = naclFile(plain, cost);
    expect([isNaclFile(file), isNaclFile(Buffer.from(plain))]).toEqual([true, false]);
    expect(await openNaclFile(file, password, cost)).toBe(plain);
    const wrong = await openNaclFile(file, new Secret("wrong"), cost).catch((error: unknown) => error);
    expect(wrong).toMatchObject({ code: "KEY_PASSWORD_WRONG" });
    const cut = openNaclFile(file.subarray(0, -1), password, cost);
    await expect(cut).rejects.toMatchObject({ code: "KEY_PASSWORD_WRONG" });
    expect(inspect(wrong, { depth: 9 })).not.toMatch(/correct|bottom|fac7959d/);
  });

  test("says what is missing without a password, and where btcli would look for it", async () => {
    const path = join(folder, "hk.json");
    await writeFile(path, Buffer.concat([Buffer.from("$NACL"), Buffer.alloc(60, 0xff)]));
    await expect(loadHotkeyFile(path)).rejects.toMatchObject({
      code: "HOTKEY_ENCRYPTED",
      fix: expect.stringContaining(passwordVariable(path)),
    });
  });

  // Takes half a gigabyte and many seconds: ENGRAM_ARGON2=1 runs it.
  test.runIf(process.env["ENGRAM_ARGON2"])(
    "opens at btcli's own cost",
    async () => {
      const path = join(folder, "hotkey");
      await writeFile(path, naclFile(plain, { passes: 8, memory: 512 * 1024 }));
      const variable = passwordVariable(path);
      const name = Buffer.from(variable);
      const masked = Buffer.from("correct horse").map((byte, at) => byte ^ (name[at % name.length] ?? 0));
      const environment = { [variable]: Buffer.from(masked).toString("base64") };
      const wallet = await importHotkeyFile(join(folder, "identity"), path, passwordSource({ environment }));
      expect(wallet.hotkey).toBe(address);
      expect((await openWallet(join(folder, "identity"))).hotkey).toBe(address);
    },
    300_000,
  );
});

describe("its password", () => {
  test("comes from a file, else from btcli's variable, else from a person", async () => {
    const variable = passwordVariable("/home/me/.bittensor/wallets/w/hotkeys/h");
    expect(variable).toBe("BT_PW__HOME_ME__BITTENSOR_WALLETS_W_HOTKEYS_H");
    // As btcli makes it: each byte of the password with one of the variable's name.
    const environment = { [variable]: Buffer.from([0x73 ^ 0x42, 0xc3 ^ 0x54, 0xa9 ^ 0x5f]).toString("base64") };
    const path = "/home/me/.bittensor/wallets/w/hotkeys/h";
    const prompt = async () => new Secret("typed");
    const given = async (source: ReturnType<typeof passwordSource>, of = path) => (await source(of))?.reveal();
    expect(await given(passwordSource({ environment, prompt }))).toBe("sé");
    expect(await given(passwordSource({ environment, prompt }), "/other")).toBe("typed");
    expect(await given(passwordSource({ environment: {} }))).toBeUndefined();
    const passwordFile = join(folder, "password");
    await writeFile(passwordFile, "from a file\r\nrest");
    expect(await given(passwordSource({ environment, prompt, passwordFile }))).toBe("from a file");
    await writeFile(passwordFile, "\n");
    await expect(given(passwordSource({ environment, passwordFile }))).rejects.toMatchObject({
      code: "KEY_PASSWORD_MISSING",
    });
  });
});

describe("a private key without its seed", () => {
  const key = async (form: "sp-core" | "polkadot.js") => {
    const { secretKey } = (await loadSr25519()).pairFromSeed(Buffer.from(seed, "hex"));
    if (form === "polkadot.js") return secretKey;
    // The scalar divided by eight.
    const scalar = BigInt(`0x${Buffer.from(secretKey.subarray(0, 32)).reverse().toString("hex")}`) / 8n;
    const bytes = Buffer.from(scalar.toString(16).padStart(64, "0"), "hex").reverse();
    return Buffer.concat([bytes, secretKey.subarray(32)]);
  };

  test.each(["sp-core", "polkadot.js"] as const)("signs, as %s stores it", async (form) => {
    const path = join(folder, "coldkey");
    await writeFile(path, JSON.stringify({ privateKey: `0x${toHex(await key(form))}`, ss58Address: address }));
    const signer = await loadSigner(path);
    const message = Buffer.from("message");
    const publicKey = decodeHotkey(address) ?? new Uint8Array();
    expect((await loadSr25519()).verify(signer.sign(message), message, publicKey)).toBe(true);
    await expect(loadHotkeyFile(path)).rejects.toMatchObject({ code: "HOTKEY_NO_SEED" });
  });

  test("of another address is refused", async () => {
    const path = join(folder, "coldkey");
    const other = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    for (const privateKey of [`0x${toHex(await key("sp-core"))}`, `0x${"ff".repeat(64)}`, `0x${"00".repeat(64)}`]) {
      await writeFile(path, JSON.stringify({ privateKey, ss58Address: other }));
      await expect(loadSigner(path)).rejects.toMatchObject({ code: "HOTKEY_MISMATCH" });
    }
  });
});

test("a key file becomes a folder's own, whole and private, and replaces no other", async () => {
  const path = join(folder, "hotkey");
  await writeFile(path, plain);
  const identity = join(folder, "miner", "identity");
  expect((await importHotkeyFile(identity, path)).hotkey).toBe(address);
  expect((await openWallet(identity)).hotkey).toBe(address);
  expect((await stat(join(identity, "hotkey"))).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(join(identity, "hotkey"), "utf8"))).toMatchObject(JSON.parse(plain));
  await expect(createWallet(identity)).rejects.toMatchObject({ code: "WALLET_EXISTS" });
  expect(await findWallet(join(folder, "none"))).toBeNull();
  const made = await createWallet(join(folder, "new"));
  await expect(importHotkeyFile(join(folder, "new"), path)).rejects.toMatchObject({ code: "WALLET_EXISTS" });
  expect((await findWallet(join(folder, "new")))?.hotkey).toBe(made.hotkey);
});
