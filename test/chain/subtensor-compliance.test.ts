import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openChain } from "../../src/node/chain/open-chain.ts";
import { chainClientCompliance, signerOf } from "../compliance/chain-client.ts";
import { SubtensorLedger } from "../support/subtensor-ledger.ts";
import { startSubtensorStub } from "../support/subtensor-stub.ts";

const settings = { finalityLag: 3, historyBlocks: 32 } as const;

chainClientCompliance("SubtensorChain", async () => {
  const folder = await mkdtemp(join(tmpdir(), "engram-subtensor-"));
  const ledger = await SubtensorLedger.create(settings);
  const stub = await startSubtensorStub(ledger);
  return {
    ...settings,
    weightsInterval: 5,
    connect: () => openChain(stub.url, folder, signerOf, { maxRegistrationTao: 2 }),
    produce: async (blocks) => ledger.produce(blocks),
    stake: async (hotkey, tao) => ledger.stake(hotkey, tao),
    reorg: async (depth) => ledger.reorg(depth),
    [Symbol.asyncDispose]: async () => {
      await stub[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});
