import { openChain } from "../../../src/node/chain/open-chain.ts";
import { openWallet } from "../../../src/node/chain/wallet.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import { validatorIdentityFolder } from "../../../src/node/validator/start-validator.ts";
import { readValidatorConfig } from "../../../src/node/validator/validator-config.ts";
import { Relay } from "../../../src/relay/relay.ts";
import { startRelayingValidator } from "../../../src/relay/validator/start-relaying-validator.ts";

/** Moments between the stages of a round; each comes after something became durable and before the next does. */
export type Moment = "agreed" | "weights set" | "read back" | "emitted";

/** A validator that brings one round to its end, or is killed at a moment of it. */
export interface DyingValidatorOptions {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly dieAt: Moment | null;
}

const { folder, environment, dieAt } = JSON.parse(process.argv[2] ?? "") as DyingValidatorOptions;

function pass(moment: Moment): void {
  if (dieAt === moment) process.kill(process.pid, "SIGKILL");
}

const signer = await openWallet(validatorIdentityFolder(folder));
const chain = openChain(environment["ENGRAM_CHAIN"] ?? "", folder, () => signer);
const setWeights = chain.setWeights.bind(chain);
chain.setWeights = async (hotkey, weights) => {
  pass("agreed");
  const submission = await setWeights(hotkey, weights);
  pass("weights set");
  return submission;
};
const { emitRanking } = Relay.prototype;
Relay.prototype.emitRanking = async function (round) {
  pass("read back");
  await emitRanking.call(this, round);
  pass("emitted");
};
const deps = { chain, clock: systemClock, logger: createLogger({ level: "silent" }), environment, relayByHand: true };
const config = readValidatorConfig(environment, { host: "127.0.0.1", port: 0 });
const validator = await startRelayingValidator(folder, config, deps);
while ((await validator.runRound()) !== "done");
// Once more, as every block does.
await validator.runRound();
process.stdout.write(`${JSON.stringify(await validator.relay.list())}\n`);
await validator[Symbol.asyncDispose]();
