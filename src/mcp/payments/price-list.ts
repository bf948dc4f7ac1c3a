import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { type Environment, parseVariables } from "../../node/runtime/config.ts";
import {
  networkVariable,
  payToVariable,
  type SettlementConfig,
  settlementConfig,
  settlementVariables,
} from "../../relay/gateway/payment-config.ts";
import { parseMicroDollars } from "../../relay/payment/micro-dollars.ts";
import { allTools } from "../tools/index.ts";

/** What an HTTP server charges for its tools. */
export interface PriceList {
  /** Millionths of a dollar a call, above 0, by the tool's name. */
  readonly prices: ReadonlyMap<string, number>;
  readonly settlement: SettlementConfig;
  /** Where clients reach this server, without path: bound payments sign it. Absent: where it listens. */
  readonly origin: string | undefined;
  /** How "payment required" is told: as a tool's result (x402's MCP transport now), or as JSON-RPC error 402 (before). */
  readonly encoding: "result" | "error";
}

const variables = settlementVariables.extend({
  ENGRAM_MCP_PRICES: z.string().optional(),
  ENGRAM_MCP_PAY_TO: payToVariable.optional(),
  ENGRAM_MCP_NETWORK: networkVariable.default("eip155:84532"),
  ENGRAM_MCP_URL: z.url({ protocol: /^https?$/, error: "must be the address clients reach this server at" }).optional(),
  ENGRAM_MCP_PAYMENT_REQUIRED: z.enum(["result", "error"], "must be result or error").default("result"),
});

/** The price list of `environment`; undefined when nothing costs anything. Errors: `CONFIG_INVALID`. */
export function readPriceList(environment: Environment): PriceList | undefined {
  const found = parseVariables(variables, environment);
  const prices = parsePrices(found.ENGRAM_MCP_PRICES ?? "");
  if (prices.size === 0) return undefined;
  const { ENGRAM_MCP_PAY_TO: payTo, ENGRAM_PAYMENT_RPC_URL: rpcUrl, ENGRAM_MCP_URL: url } = found;
  if (payTo === undefined || rpcUrl === undefined) {
    throw new EngramError("CONFIG_INVALID", "a server that charges must know who is paid and where", {
      fix: "set ENGRAM_MCP_PAY_TO and ENGRAM_PAYMENT_RPC_URL, or leave ENGRAM_MCP_PRICES out",
    });
  }
  return {
    prices,
    settlement: settlementConfig(found, { payTo, rpcUrl, network: found.ENGRAM_MCP_NETWORK }),
    origin: url === undefined ? undefined : new URL(url).origin,
    encoding: found.ENGRAM_MCP_PAYMENT_REQUIRED,
  };
}

function parsePrices(text: string): ReadonlyMap<string, number> {
  const pairs = text.split(",").flatMap((pair) => pair.trim() || []);
  return new Map(
    pairs.flatMap((pair) => {
      const [name = "", dollars = "", ...more] = pair.split("=").map((word) => word.trim());
      if (more.length > 0 || !allTools.some((tool) => tool.name === name) || !/^\d{1,6}(\.\d{1,18})?$/.test(dollars)) {
        throw new EngramError("CONFIG_INVALID", `"${pair.slice(0, 60)}" is no tool with its price`, {
          fix: "write ENGRAM_MCP_PRICES like engram_relay_submit=0.01,engram_query=0.001",
        });
      }
      // Rounded up: nobody is asked for less than the price.
      const price = parseMicroDollars(dollars, "up");
      return price === 0 ? [] : [[name, price] as const];
    }),
  );
}
