import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultLocalChainSettings } from "../../../src/node/chain/local/local-chain-settings.ts";
import { type ServedLocalChain, serveLocalChain } from "../../../src/node/chain/local/serve-local-chain.ts";
import { openWallet } from "../../../src/node/chain/wallet.ts";
import { readMinerConfig } from "../../../src/node/miner/miner-config.ts";
import { startMiner } from "../../../src/node/miner/start-miner.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { validatorIdentityFolder } from "../../../src/node/validator/start-validator.ts";
import type { Submission } from "../../../src/relay/outbox/outbox-types.ts";
import { quiet } from "../../support/client-bench.ts";
import { TestEmbedder } from "../../support/test-embedder.ts";
import type { DyingValidatorOptions, Moment } from "./dying-validator.ts";

const stack = new ReleaseStack();
let folder: string;
let served: ServedLocalChain;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-stages-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const settings = { ...defaultLocalChainSettings, blocks: "stepped" } as const;
  const listening = { hostname: "127.0.0.1", port: 0, clock: systemClock, logger: quiet };
  served = stack.use(await serveLocalChain({ folder: join(folder, "chain"), settings, ...listening }));
  const config = readMinerConfig({ ENGRAM_CHAIN: "local" }, { host: "127.0.0.1", port: 0 });
  const deps = { embedder: new TestEmbedder(), chain: served.chain, clock: systemClock, logger: quiet };
  stack.use(await startMiner(join(folder, "miner"), config, deps));
  await served.chain.step();
});
afterAll(() => stack[Symbol.asyncDispose]());

async function validate(options: DyingValidatorOptions) {
  const script = fileURLToPath(new URL("./dying-validator.ts", import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ["ignore", "pipe", "inherit"] });
  const [said, [, signal]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return { said, signal: signal as string | null };
}

test.each<Moment>(["agreed", "weights set", "read back", "emitted"])(
  "a validator that was killed after: %s, ends its round with weights and one submission",
  async (dieAt) => {
    const own = join(folder, dieAt);
    const { hotkey } = await openWallet(validatorIdentityFolder(own));
    await served.chain.register(hotkey, hotkey);
    await served.chain.stake(hotkey, 1_000);
    const environment = {
      ENGRAM_CHAIN: served.setting,
      EMBEDDING_DIM: "32",
      CONSENSUS_MIN_VALIDATORS: "0",
      XERIS_RELAY_URL: "http://127.0.0.1:9",
      ENGRAM_GATEWAY_HOTKEY: hotkey,
    };
    expect(await validate({ folder: own, environment, dieAt })).toEqual({ said: "", signal: "SIGKILL" });
    const { said, signal } = await validate({ folder: own, environment, dieAt: null });
    expect(signal).toBeNull();
    const submissions = JSON.parse(said) as readonly Submission[];
    expect(submissions).toMatchObject([{ state: "held", outputType: "ranking", roundId: 0 }]);
    const { number } = await served.chain.head();
    const row = (await served.chain.weights(number)).get((await served.chain.uidOf(hotkey)) ?? -1);
    expect([...(row?.values() ?? [])]).toEqual([65_535]);
  },
  60_000,
);
