import { expect, test } from "vitest";
import { isTrustedProxyList, TrustedProxies } from "../../src/node/runtime/trusted-proxies.ts";

const proxies = new TrustedProxies("127.0.0.1, 10.0.0.0/8,2001:db8::/32");
const client = (peer: string, forwarded?: string, proto?: string) =>
  proxies.clientOf(
    new Headers({
      ...(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }),
      ...(proto === undefined ? {} : { "x-forwarded-proto": proto }),
    }),
    peer,
  );

test.each<[string, string, string | undefined, string]>([
  ["without a header the proxy itself asks", "127.0.0.1", undefined, "127.0.0.1"],
  ["the client before the proxy", "127.0.0.1", "198.51.100.7", "198.51.100.7"],
  ["what the client put before its own address does not count", "127.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"],
  ["proxies behind proxies", "127.0.0.1", "198.51.100.7, 10.1.2.3", "198.51.100.7"],
  ["proxies alone", "127.0.0.1", "10.1.2.3, 10.9.9.9", "10.1.2.3"],
  ["an IPv4 address in IPv6", "::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"],
  ["IPv6 and ports", "2001:db8::1", "[2001:4860::5]:443", "2001:4860::5"],
  ["a port", "127.0.0.1", "198.51.100.7:5000", "198.51.100.7"],
  ["what is no address", "127.0.0.1", "unknown, localhost", "127.0.0.1"],
  ["somebody who is no proxy", "203.0.113.1", "127.0.0.1", "203.0.113.1"],
])("%s", (_, peer, forwarded, expected) => {
  expect(client(peer, forwarded).peer).toBe(expected);
});

test("TLS is a trusted proxy's word alone", () => {
  expect(client("127.0.0.1", "198.51.100.7", "https").secure).toBe(true);
  expect(client("127.0.0.1", "198.51.100.7", "https, http").secure).toBe(false);
  expect(client("127.0.0.1", "198.51.100.7").secure).toBe(false);
  expect(client("203.0.113.1", "198.51.100.7", "https").secure).toBe(false);
});

test("without a list nobody is trusted, and a list must be addresses", () => {
  expect(new TrustedProxies("").clientOf(new Headers({ "x-forwarded-for": "1.1.1.1" }), "127.0.0.1").peer).toBe(
    "127.0.0.1",
  );
  for (const list of ["", "::1", "10.0.0.0/8", " 10.0.0.1 , ::1/128 "]) expect(isTrustedProxyList(list)).toBe(true);
  for (const list of ["localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "*"]) {
    expect(isTrustedProxyList(list)).toBe(false);
  }
});
