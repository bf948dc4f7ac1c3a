import { readMinerConfig } from "../../src/node/miner/miner-config.ts";
import type { Environment } from "../../src/node/runtime/config.ts";
import { readSubnetOptions } from "../../src/node/runtime/config-chain.ts";
import { readValidatorConfig } from "../../src/node/validator/validator-config.ts";
import { readGatewayConfig } from "../../src/relay/gateway/gateway-config.ts";
import { paymentSettings } from "../../src/relay/payment/payment-settings.ts";
import { metricsPortOf, relaySettings } from "../../src/relay/relay-settings.ts";

type Read = (environment: Environment) => unknown;

/** What a service reads, and which variables of it are others' affair. */
export const configurations: readonly (readonly [name: string, read: Read, elsewhere: readonly string[]])[] = [
  // What describes images belongs to who archives them, not to a miner.
  [
    "miner",
    (from) => [readMinerConfig(from), readSubnetOptions(from)],
    ["ENGRAM_VISION_MODEL", "OPENAI_BASE_URL", "OPENAI_API_KEY"],
  ],
  [
    "validator",
    (from) => [
      ...[readValidatorConfig(from), relaySettings(from), metricsPortOf(from), paymentSettings(from)],
      from["ENGRAM_PAYMENT_RPC_URL"],
    ],
    [],
  ],
  ["gateway", (from) => readGatewayConfig(from, "/folder"), []],
];

/** Every variable that `read` looks at. */
export function variablesOf(read: Read): Set<string> {
  const names = new Set<string>();
  const noted = (name: string | symbol) => {
    if (typeof name === "string" && /^[A-Z]/.test(name)) names.add(name);
    return name;
  };
  const watched = new Proxy<Record<string, string>>(
    { ENGRAM_CHAIN: "local" },
    {
      get: (target, name) => Reflect.get(target, noted(name)),
      has: (target, name) => Reflect.has(target, noted(name)),
    },
  );
  read(watched);
  return names;
}
