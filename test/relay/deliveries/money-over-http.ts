import { startHttpServer } from "../../../src/node/runtime/http-server.ts";
import type { PaymentFacilitator } from "../../../src/relay/gateway/payment-facilitator.ts";
import type { PaymentChain } from "../../../src/relay/payment/payment-types.ts";
import type { PretendMoney } from "./pretend-money.ts";

/** Serves `money` to other processes; `isLost` says of each settlement whether its answer is lost on the way. */
export function serveMoney(money: PretendMoney, isLost: () => boolean) {
  return startHttpServer({
    hostname: "127.0.0.1",
    port: 0,
    handler: async (request) => {
      const input = (await request.json()) as readonly never[];
      const [one, other] = input as readonly [never, never];
      switch (new URL(request.url).pathname) {
        case "/authorization":
          return Response.json(await money.authorization(one));
        case "/outcome":
          return Response.json(await money.outcome(one, other));
        case "/settle": {
          const answer = await money.settle(one, other);
          return isLost() ? new Response(null, { status: 500 }) : Response.json(answer);
        }
        default:
          return Response.json(await money.getSupported());
      }
    },
  });
}

/** Money that another process serves. */
export function moneyAt(url: string): PaymentChain & PaymentFacilitator {
  const ask = async (path: string, ...input: readonly unknown[]) => {
    const reply = await fetch(`${url}/${path}`, { method: "POST", body: JSON.stringify(input) });
    if (!reply.ok) throw new Error("the answer was lost");
    return (await reply.json()) as never;
  };
  return {
    authorization: (key) => ask("authorization", key),
    outcome: (key, expected) => ask("outcome", key, expected),
    settle: (payload, requirements) => ask("settle", payload, requirements),
    getSupported: () => ask("supported"),
  };
}
