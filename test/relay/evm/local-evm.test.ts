import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, hashDomain, http } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anvilBinary } from "../../../src/relay/evm/anvil-binary.ts";
import { evmPaymentChain } from "../../../src/relay/evm/evm-payment-chain.ts";
import { LocalEvm } from "../../../src/relay/evm/local-evm.ts";
import { tokenAbi } from "../../../src/relay/evm/token-abi.ts";

const newAddress = () => privateKeyToAccount(generatePrivateKey()).address;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-evm-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the local chain", () => {
  test("carries the test network's chain id, token and signing domain", async () => {
    await using evm = await LocalEvm.start();
    const client = createPublicClient({ transport: http(evm.url) });
    expect(await client.getChainId()).toBe(84_532);
    const { asset, domain } = evm.token;
    expect(await client.readContract({ address: asset, abi: tokenAbi, functionName: "name" })).toBe(domain.name);
    expect(await client.readContract({ address: asset, abi: tokenAbi, functionName: "version" })).toBe(domain.version);
    const separator = await client.readContract({ address: asset, abi: tokenAbi, functionName: "DOMAIN_SEPARATOR" });
    const expected = hashDomain({
      domain: { ...domain, chainId: 84_532n, verifyingContract: asset },
      types: {
        EIP712Domain: [
          { name: "name", type: "string" },
          { name: "version", type: "string" },
          { name: "chainId", type: "uint256" },
          { name: "verifyingContract", type: "address" },
        ],
      },
    });
    expect(separator).toBe(expected);
  });

  test("is not taken for another chain", async () => {
    await using evm = await LocalEvm.start();
    const chain = evmPaymentChain(evm.url);
    const key = { asset: evm.token.asset, from: newAddress(), nonce: `0x${"01".repeat(32)}` } as const;
    expect(await chain.authorization({ ...key, network: "eip155:84532" })).toMatchObject({ used: false });
    const wrong = chain.authorization({ ...key, network: "eip155:8453" });
    await expect(wrong).rejects.toMatchObject({ code: "PAYMENT_CHAIN_WRONG" });
    const nobody = evmPaymentChain("http://127.0.0.1:1").authorization({ ...key, network: "eip155:84532" });
    await expect(nobody).rejects.toMatchObject({ code: "PAYMENT_CHAIN_UNREACHABLE" });
  });

  test("keeps balances when its process is killed", async () => {
    const owner = newAddress();
    const home = join(folder, "killed");
    {
      await using evm = await LocalEvm.start({ folder: home });
      await evm.fund(owner, 5_000);
      await evm.fund(owner, 250);
      const { pid } = JSON.parse(await readFile(join(home, "anvil.json"), "utf8")) as { pid: number };
      process.kill(pid, "SIGKILL");
      await evm.ended;
    }
    await using again = await LocalEvm.start({ folder: home });
    expect(await again.balance(owner)).toBe(5_250);
    expect((await readdir(join(home, "state"))).length).toBe(1);
  });

  test("ends the process that an earlier, killed run left behind", async () => {
    const home = join(folder, "stale");
    const first = await LocalEvm.start({ folder: home });
    await using second = await LocalEvm.start({ folder: home });
    await first.ended;
    expect(await second.balance(newAddress())).toBe(0);
  });
});

test.each([
  ["musl", { platform: "linux", arch: "x64", glibc: false }],
  ["an architecture without a binary", { platform: "linux", arch: "s390x", glibc: true }],
  ["a machine whose package is not installed", { platform: "win32", arch: "x64", glibc: true }],
])("on %s the chain says that payments are unavailable", (_, machine) => {
  expect(() => anvilBinary(machine)).toThrow(expect.objectContaining({ code: "PAYMENTS_UNAVAILABLE" }));
});
