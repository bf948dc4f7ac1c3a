import { equal } from "node:assert/strict";
import { z } from "zod";
import { callableOrigin } from "../../src/node/chain/node-address.ts";
import { checker, deviated } from "./checker.ts";

const addressCase = z.object({ input: z.string(), expected: z.boolean() });

/** The address as a chain's axon would have it. */
const scoreRoutableIp = checker((vector) => {
  const { input, expected } = addressCase.parse(vector);
  const isCalled = callableOrigin(`http://${input.includes(":") ? `[${input}]` : input}:8091`, false) !== null;
  if (/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(input)) {
    equal(isCalled, false);
    return deviated("V-W7: shared addresses (100.64.0.0/10) lead into the operator's own network");
  }
  return equal(isCalled, expected);
});

/** What the validator's placement and repair verify. */
export const replicationKinds = { "score-routable-ip": scoreRoutableIp };
