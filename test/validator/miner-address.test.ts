import { expect, test } from "vitest";
import { isCallable } from "../../src/node/validator/miner-address.ts";

test.each([
  "127.0.0.1",
  "10.1.2.3",
  "169.254.169.254",
  "100.100.100.200",
  "192.0.0.192",
  "[::1]",
  "[::ffff:169.254.169.254]",
  "[64:ff9b::a9fe:a9fe]",
  "[2002:a9fe:a9fe::]",
  "localhost",
  "metadata.internal",
])("on a real chain nobody is called at %s (V-W7)", (host) => {
  expect(isCallable(`http://${host}:8091`, false)).toBe(false);
  expect(isCallable(`http://${host}:8091`, true)).toBe(true);
});

test("public addresses are called, as http or https alone and at their root", () => {
  expect(isCallable("http://8.8.8.8:8091", false)).toBe(true);
  expect(isCallable("https://[2606:4700::1111]:8091", false)).toBe(true);
  const others = ["ftp://8.8.8.8", "http://8.8.8.8/admin", "http://8.8.8.8/?q=1", "8.8.8.8:8091", ""];
  expect(others.filter((endpoint) => isCallable(endpoint, false) || isCallable(endpoint, true))).toEqual([]);
});
