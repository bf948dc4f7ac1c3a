import { expect, test } from "vitest";
import { toHex } from "../../src/crypto/hex.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { anchorBytes, anchorState, needsAnchor, readAnchor } from "../../src/relay/anchor.ts";

const anchor = { roundId: 0x0102, outputHash: "ab".repeat(32) };
const hotkey = hotkeyOf(new Uint8Array(32).fill(1));

test("an anchor has 44 bytes: a tag, the round, the output's hash", () => {
  const bytes = anchorBytes(anchor);
  expect(toHex(bytes)).toBe(`45475231${"0201000000000000"}${"ab".repeat(32)}`);
  expect(readAnchor(bytes)).toEqual(anchor);
});

test.each([
  ["nothing", null],
  ["another length", new Uint8Array(43)],
  ["another tag", new Uint8Array(44)],
])("%s is no anchor", (_, bytes) => {
  expect(readAnchor(bytes)).toBeNull();
});

test("a round's anchor is there, missing, or another output's", async () => {
  const chain = (committed: Uint8Array | null) => ({ commitment: async () => committed });
  expect(await anchorState(chain(anchorBytes(anchor)), hotkey, anchor)).toBe("anchored");
  expect(await anchorState(chain(null), hotkey, anchor)).toBe("missing");
  expect(await anchorState(chain(anchorBytes({ ...anchor, roundId: 7 })), hotkey, anchor)).toBe("missing");
  const other = anchorBytes({ ...anchor, outputHash: "cd".repeat(32) });
  expect(await anchorState(chain(other), hotkey, anchor)).toBe("differs");
});

test("anchors are asked for on real chains alone", () => {
  expect([needsAnchor("local:abc"), needsAnchor("0x2f05…")]).toEqual([false, true]);
});
