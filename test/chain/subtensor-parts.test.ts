import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { axonOfEndpoint, endpointOfAxon } from "../../src/node/chain/subtensor/axon.ts";
import { RpcRefusal } from "../../src/node/chain/subtensor/json-rpc-socket.ts";
import { ChainRefusal, poolRefusal } from "../../src/node/chain/subtensor/refusals.ts";
import { taoOf } from "../../src/node/chain/subtensor/subnet-state.ts";

const port = fc.integer({ min: 1, max: 65_535 });

property.prop([fc.ipV4(), port])("an IPv4 address and a port come back as they were", (ip, number) => {
  const endpoint = new URL(`http://${ip}:${number}`);
  if (endpoint.hostname === "0.0.0.0") return;
  expect(endpointOfAxon(axonOfEndpoint(`http://${ip}:${number}`))).toBe(`http://${endpoint.hostname}:${number}`);
});

property.prop([fc.ipV6(), port])("an IPv6 address and a port come back as they were", (ip, number) => {
  const endpoint = new URL(`http://[${ip}]:${number}`);
  if (endpoint.hostname === "[::]") return;
  expect(endpointOfAxon(axonOfEndpoint(endpoint.href))).toBe(`http://${endpoint.hostname}:${number}`);
});

property.prop([fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.nat({ max: 70_000 }), fc.nat({ max: 9 })])(
  "whatever an axon says, it names a URL or nothing",
  (ip, number, ipType) => {
    const endpoint = endpointOfAxon({ ip, port: number, ipType });
    if (endpoint !== null) expect(URL.canParse(endpoint)).toBe(true);
    if (ip === 0n || number === 0 || (ipType !== 4 && ipType !== 6)) expect(endpoint).toBeNull();
  },
);

test.each([
  [1010, "Invalid Transaction Custom error: 6", "CHAIN_RATE_LIMIT"],
  [1010, '{"invalid":{"custom":12}}', "CHAIN_RATE_LIMIT"],
  [1010, '{"invalid":{"payment":null}}', "CHAIN_BALANCE"],
  [1010, "Invalid Transaction Custom error: 11", "CHAIN_ENDPOINT"],
  [1010, "Invalid Transaction Custom error: 3", "CHAIN_NO_SUBNET"],
  [1010, "Invalid Transaction Custom error: 255", "CHAIN_REFUSED"],
  [1016, "Immediately Dropped", "CHAIN_REFUSED"],
])("the pool's error %d, %s is %s", (code, detail, expected) => {
  const refusal = poolRefusal(new RpcRefusal(code, detail));
  expect(refusal).toBeInstanceOf(ChainRefusal);
  expect(refusal).toMatchObject({ code: expected, fix: expect.any(String) });
  expect(JSON.stringify({ ...(refusal as Error) })).not.toContain(detail);
});

test.each([
  [1010, '{"invalid":{"stale":null}}', "NonceTaken"],
  [1010, "Invalid Transaction Transaction has an ancient birth block", "SignatureOutdated"],
  [1014, "Priority is too low: (1 vs 1)", "PriorityTooLow"],
  [1013, "Transaction Already Imported", "AlreadyImported"],
  [1010, "Invalid Transaction Custom error: 77", "CustomError77"],
])("the pool's error %d, %s has the name %s", (code, detail, reason) => {
  expect(poolRefusal(new RpcRefusal(code, detail))).toMatchObject({ reason });
});

test("what is no refusal of the pool stays what it is", () => {
  const error = new Error("other");
  expect(poolRefusal(error)).toBe(error);
});

test("rao are TAO without losing small change beside large stakes", () => {
  expect(taoOf(1n)).toBe(1e-9);
  expect(taoOf(21_000_000_000_000_000n)).toBe(21_000_000);
  expect(taoOf(12_500_000_000n)).toBe(12.5);
});
