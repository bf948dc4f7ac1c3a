import { domainSeparator } from "viem";
import { EngramError } from "../../crypto/errors.ts";
import { chainIdOf } from "../payment/payment-nonce.ts";
import type { PaymentToken } from "../payment/payment-tokens.ts";
import { evmClient, reached } from "./evm-client.ts";
import { tokenAbi } from "./token-abi.ts";

/**
 * Makes sure that the chain behind `url` is the token's, and that the contract there has the name, version and signing
 * domain that payers sign for: with another one every payment would be refused, or worse. Errors:
 * `PAYMENT_CHAIN_WRONG`, `PAYMENT_CHAIN_UNREACHABLE`, `PAYMENT_TOKEN_WRONG`.
 */
export async function requireToken(url: string, token: PaymentToken): Promise<void> {
  const { client, requireChain } = evmClient(url);
  await reached(() => requireChain(token.network));
  const { asset: address, domain, network } = token;
  const read = (functionName: "name" | "version" | "DOMAIN_SEPARATOR") =>
    client.readContract({ address, abi: tokenAbi, functionName });
  const code = await reached(() => client.getCode({ address }));
  if (code === undefined) throw wrong(token);
  const found = await reached(() => Promise.all([read("name"), read("version"), read("DOMAIN_SEPARATOR")]));
  const separator = domainSeparator({
    domain: { ...domain, chainId: chainIdOf(network), verifyingContract: address },
  });
  if (found[0] !== domain.name || found[1] !== domain.version || found[2] !== separator) throw wrong(token);
}

function wrong({ asset, network }: PaymentToken): EngramError {
  return new EngramError("PAYMENT_TOKEN_WRONG", `${asset} on ${network} is not the dollar that payers sign for`, {
    fix: "check ENGRAM_PAYMENT_RPC_URL: the node must serve the network that is paid on",
  });
}
