import { openChain } from "../../../src/node/chain/open-chain.ts";
import { openWallet } from "../../../src/node/chain/wallet.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import { validatorIdentityFolder } from "../../../src/node/validator/start-validator.ts";
import { openRelay } from "../../../src/relay/open-relay.ts";

/** The relay of a validator's folder in a process of its own: everything that is due once, then it waits for its end. */
export interface RelayProcessOptions {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** By how much its clock is ahead, in milliseconds. */
  readonly ahead: number;
}

const { folder, environment, ahead } = JSON.parse(process.argv[2] ?? "") as RelayProcessOptions;
const signer = await openWallet(validatorIdentityFolder(folder));
const clock = { ...systemClock, now: () => Date.now() + ahead };
const chain = openChain(environment["ENGRAM_CHAIN"] ?? "", folder);
const log = createLogger({ level: "silent" });
const { relay } = await openRelay({ folder, environment, signer, chain, log, clock });
const worked = await relay.tick();
process.stdout.write(`${JSON.stringify({ worked, submissions: await relay.list() })}\n`);
process.stdin.resume();
