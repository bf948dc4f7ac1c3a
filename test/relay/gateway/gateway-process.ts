import { LocalChain } from "../../../src/node/chain/local/local-chain.ts";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import { readGatewayConfig } from "../../../src/relay/gateway/gateway-config.ts";
import { startGateway } from "../../../src/relay/gateway/start-gateway.ts";

/** A gateway in a process of its own, to be killed. Prints where it listens. */
const [chain = "", folder = ""] = process.argv.slice(2);
const config = readGatewayConfig({ ENGRAM_CHAIN: "local", ENGRAM_GATEWAY_PORT: "0" }, folder);
const logger = createLogger({ level: "silent" });
const { url } = await startGateway(config, { chain: new LocalChain({ path: chain }), clock: systemClock, logger });
process.stdout.write(`${url}\n`);
