import { expect, test } from "vitest";
import { readSubnetOptions } from "../../src/node/runtime/config-chain.ts";

test("what is set of the subnet is read, and what is not is left to its default", () => {
  expect(readSubnetOptions({})).toEqual({});
  const set = { NETUID: "12", ENGRAM_MAX_REGISTRATION_TAO: "0.5" };
  expect(readSubnetOptions(set)).toEqual({ netuid: 12, maxRegistrationTao: 0.5 });
});

test.each([{ NETUID: "70000" }, { NETUID: "x" }, { NETUID: "-1" }, { ENGRAM_MAX_REGISTRATION_TAO: "-1" }])(
  "%o is refused",
  (environment) => {
    expect(() => readSubnetOptions(environment)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  },
);
