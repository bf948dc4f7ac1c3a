import { expect, test } from "vitest";
import type { ChainClient } from "../../../src/node/ports.ts";
import { openGatewayStore } from "../../../src/relay/gateway/gateway-store.ts";
import { GatewayKit, post } from "./gateway-kit.ts";

test("poison costs a refusal: no question to the chain, no row, and what is good passes in between", async () => {
  await using kit = await GatewayKit.open();
  let asked = 0;
  const counted = new Proxy(kit.chain as ChainClient, {
    get: (chain, name) => {
      const found: unknown = Reflect.get(chain, name);
      if (typeof found !== "function") return found;
      return (...input: readonly unknown[]) => {
        asked += 1;
        return (found as (...all: readonly unknown[]) => unknown).apply(chain, input as unknown[]);
      };
    },
  });
  const rateLimit = { burst: 1_000, perSecond: 1_000 };
  await using gateway = await kit.start({ chain: counted, config: { rateLimit } });
  const { text } = await kit.inference({}, "poisoned");
  const ranking = (await kit.ranking({ cosigners: kit.validators.slice(1) })).text;
  const refusals: readonly (readonly [poison: string, status: number, error: string])[] = [
    ["", 400, "malformed"],
    ["{", 400, "malformed"],
    ["nothing", 400, "malformed"],
    [`{"a":${"[".repeat(5_000)}`, 400, "malformed"],
    [ranking.replace("0.95", "NaN"), 400, "malformed"],
    [ranking.replace("0.95", "Infinity"), 400, "malformed"],
    [ranking.replace("0.95", "1e999"), 400, "non_canonical"],
    [text.replace("engram-v2", "engram-v9"), 400, "malformed"],
    [text.replace('"output_type":"inference"', '"output_type":"gossip"'), 400, "malformed"],
    [text.replace("{", '{"netuid":1,'), 400, "non_canonical"],
    ["x".repeat(10 * 1024 * 1024), 413, "too_large"],
    [text.replace("1795000000.5", "1795000009.5"), 401, "bad_signature"],
    [text.replace(/"signature":"0x../, '"signature":"0x00'), 401, "bad_signature"],
  ];
  const before = asked;
  for (const [poison, status, error] of refusals) {
    const reply = await post(gateway, poison).catch(() => null);
    // What is far too large may be cut off while it is still being sent.
    if (reply === null) expect(error).toBe("too_large");
    else expect([reply.status, reply.body.error, reply.body.retryable]).toEqual([status, error, false]);
  }
  expect(asked).toBe(before);
  const good = await Promise.all(Array.from({ length: 40 }, (_, index) => kit.inference({}, `good ${index}`)));
  const replies = await Promise.all(
    good.flatMap(({ text: one }, index) => [
      post(gateway, one),
      post(gateway, refusals[index % 10]?.[0] ?? "").catch(() => null),
    ]),
  );
  expect(replies.filter((reply) => reply?.status === 201)).toHaveLength(good.length);
  await using store = openGatewayStore(kit.config().folder);
  expect(await store.call("receipts", { after: 0, limit: 100 })).toHaveLength(good.length);
});
