import { PretendMoney } from "../deliveries/pretend-money.ts";
import { openMoney } from "./money.ts";
import { moneySuite } from "./money-suite.ts";

moneySuite("anvil and the facilitator in this process", async () => {
  const money = await openMoney();
  const { chain, facilitator, evm } = money;
  return {
    token: evm.token,
    chain,
    facilitator,
    fund: (address, amount) => evm.fund(address, amount),
    balance: (address) => evm.balance(address),
    [Symbol.asyncDispose]: () => money[Symbol.asyncDispose](),
  };
});

moneySuite("the fast stand-in of the delivery test", async () => {
  const money = new PretendMoney();
  return {
    token: money.token,
    chain: money,
    facilitator: money,
    fund: (address, amount) => money.fund(address, amount),
    balance: (address) => money.balance(address),
    [Symbol.asyncDispose]: async () => undefined,
  };
});
