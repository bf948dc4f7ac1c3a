import { expect, test } from "vitest";
import { defaultLocalChainSettings } from "../../../src/node/chain/local/local-chain-settings.ts";
import { GatewayKit, post } from "./gateway-kit.ts";

const LAG = 10;
const SEEDS = Number(process.env["ENGRAM_REORG_SEEDS"] ?? 200);

test("nothing of an orphaned or unfinalized block is accepted, however deep the reorganisation", async () => {
  await using kit = await GatewayKit.open({ ...defaultLocalChainSettings, blocks: "stepped", finalityLag: LAG });
  const rateLimit = { burst: 1_000_000, perSecond: 1_000 };
  await using gateway = await kit.start({ config: { rateLimit } });
  let accepted = 0;
  let orphaned = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const head = await kit.chain.head();
    const depth = 1 + (seed % LAG);
    const block = head.number - (seed % (LAG + 1));
    const made = await kit.inference({ block }, `seed ${seed}`);
    const blockHash = await kit.chain.blockHash(block);
    const early = await post(gateway, made.text);
    expect(early.status).toBe(block <= (await kit.chain.finalized()).number ? 201 : 425);
    await kit.chain.reorg({ depth, seed, include: "all" });
    await kit.chain.step(LAG + (seed % 3));
    const late = await post(gateway, made.text);
    const isCanonical = (await kit.chain.blockHash(block)) === blockHash;
    expect([200, 201].includes(late.status)).toBe(isCanonical);
    if (isCanonical) accepted += 1;
    else {
      expect(late).toMatchObject({ status: 422, body: { error: "chain_mismatch" } });
      orphaned += 1;
    }
  }
  expect(Math.min(accepted, orphaned)).toBeGreaterThan(SEEDS / 10);
});
