import { expect, test } from "vitest";
import type { Hotkey } from "../../src/crypto/ss58.ts";
import { CallerNonces } from "../../src/node/protocol/caller-nonces.ts";

const WINDOW = 10;

function remembering(perCaller: number, strangers: number) {
  const nonces = new CallerNonces({ perCaller, strangers });
  return (caller: string, nonce: number, now: number, isPermitted = false) =>
    nonces.use({ caller: caller as Hotkey, nonce: BigInt(nonce), until: nonce + WINDOW, isPermitted }, now);
}

test("a nonce is used once within its time, each caller for itself", () => {
  const use = remembering(10, 10);
  expect(use("a", 0, 0)).toBe("first");
  expect(use("a", 0, WINDOW)).toBe("used");
  expect(use("b", 0, 0)).toBe("first");
  expect(use("a", 1, 0)).toBe("first");
});

test("a crowd of strangers keeps out strangers alone, and evicts nothing", () => {
  const use = remembering(10, 3);
  expect(use("validator", 0, 0, true)).toBe("first");
  for (const name of ["x", "y", "z"]) expect(use(name, 0, 0)).toBe("first");
  expect(use("another", 0, 0)).toBe("full");
  expect(use("validator", 1, 0, true)).toBe("first");
  expect(use("validator", 0, 0, true)).toBe("used");
  expect(use("another", 1, WINDOW + 1)).toBe("first");
});

test("one caller fills its own room alone", () => {
  const use = remembering(2, 100);
  for (const nonce of [0, 1]) expect(use("loud", nonce, 0, true)).toBe("first");
  expect(use("loud", 2, 0, true)).toBe("full");
  expect(use("quiet", 0, 0)).toBe("first");
  expect(use("loud", 2, WINDOW + 2, true)).toBe("first");
});

test("who becomes permitted, or no longer is, repeats nothing; what was forgotten stays used when the clock goes back", () => {
  const use = remembering(10, 10);
  expect(use("a", 5, 0)).toBe("first");
  expect(use("a", 5, 0, true)).toBe("used");
  expect(use("b", 5, 0, true)).toBe("first");
  expect(use("b", 5, 0)).toBe("used");
  expect(use("c", 40, 40)).toBe("first");
  expect(use("a", 5, 0)).toBe("used");
});
