import { join } from "node:path";
import type { Hotkey } from "../../crypto/ss58.ts";
import { openControlledChain } from "../../node/chain/open-chain.ts";
import { openWallet } from "../../node/chain/wallet.ts";
import { validatorIdentityFolder } from "../../node/validator/start-validator.ts";
import type { LocalEvm } from "../evm/local-evm.ts";
import { gasKeyPath } from "../gateway/payment-settlement.ts";
import { payerKeyPath } from "../payment/payment-buyer.ts";
import { openPaymentKey } from "../payment/payment-key.ts";
import type { Hex } from "../payment/payment-types.ts";
import { folderOf, GATEWAY, type SubnetPlan, subnetFolder, validatorNames } from "./plan.ts";

/** More than any miner, so that the chain gives them permits. */
const STAKE_TAO = 1_000;
/** Ten test dollars, given to whoever has less than one. */
const TEST_DOLLARS = 10_000_000;
const LOW_BALANCE = 1_000_000;

/** Registers the validators and stakes on them where that was not done before. Errors: those of the chain. */
export async function stakeValidators(plan: SubnetPlan, setting: string): Promise<void> {
  for (const name of validatorNames(plan)) {
    const wallet = await openWallet(validatorIdentityFolder(folderOf(plan, name)));
    const signerOf = (hotkey: Hotkey) => (hotkey === wallet.hotkey ? wallet : undefined);
    await using chain = openControlledChain(setting, subnetFolder(plan), signerOf);
    await chain.register(wallet.hotkey, wallet.hotkey);
    const { number } = await chain.head();
    const own = (await chain.metagraph(number)).neurons.find(({ hotkey }) => hotkey === wallet.hotkey);
    // Who has some was staked on before, perhaps by its owner with another amount.
    if ((own?.stakeTao ?? 0) === 0) await chain.stake(wallet.hotkey, STAKE_TAO);
  }
}

/** The addresses that move test dollars. */
export interface SubnetAccounts {
  readonly payTo: Hex;
  /** By the process's name; `agent` is the data folder's own. */
  readonly payers: Readonly<Record<string, Hex>>;
}

/** Makes the subnet's payment keys where they are missing. Errors: those of the key files. */
export async function openAccounts(plan: SubnetPlan): Promise<SubnetAccounts> {
  const { address: payTo } = await openPaymentKey(join(subnetFolder(plan), "pay-to-key"));
  const payers: Record<string, Hex> = { agent: (await openPaymentKey(payerKeyPath(plan.home))).address };
  for (const name of validatorNames(plan)) {
    payers[name] = (await openPaymentKey(payerKeyPath(folderOf(plan, name)))).address;
  }
  return { payTo, payers };
}

/** Gives the gateway gas, and test dollars to every payer that has few. */
export async function fundAccounts(plan: SubnetPlan, evm: LocalEvm, { payers }: SubnetAccounts): Promise<void> {
  const { address } = await openPaymentKey(gasKeyPath(folderOf(plan, GATEWAY)));
  await evm.fundGas(address);
  for (const payer of Object.values(payers)) {
    if ((await evm.balance(payer)) < LOW_BALANCE) await evm.fund(payer, TEST_DOLLARS);
  }
}
