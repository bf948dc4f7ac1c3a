import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { formatMicroDollars, parseMicroDollars } from "../../../src/relay/payment/micro-dollars.ts";
import { type NonceParts, paymentNonce } from "../../../src/relay/payment/payment-nonce.ts";
import { paymentSettings } from "../../../src/relay/payment/payment-settings.ts";
import {
  encodeHeader,
  parseChallenge,
  parsePayment,
  parseSettlement,
} from "../../../src/relay/payment/payment-wire.ts";

const PARTS: NonceParts = {
  network: "eip155:84532",
  asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
  payTo: "0x1111111111111111111111111111111111111111",
  payer: "0x2222222222222222222222222222222222222222",
  origin: "https://gateway.example",
  signedHash: "33".repeat(32),
  salt: "44".repeat(32),
};

describe("the nonce of a bound payment", () => {
  test("is the hash of its parts in this order and encoding", () => {
    // printf the parts' hex, in order, into sha256sum: tag, chain id, asset, payTo, payer, length, origin, hash, salt
    expect(paymentNonce(PARTS)).toBe("0x07912c8d7dee0e52d3e6aacb1c9feec2d1520cd24bf63b008f816383ee2e7fd3");
    expect(paymentNonce({ ...PARTS, asset: "0x036cbd53842c5426634e7929541ec2318f3dcf7e" })).toBe(paymentNonce(PARTS));
  });

  test.each([
    { network: "eip155:8453" },
    { asset: "0x1111111111111111111111111111111111111111" },
    { payTo: "0x2222222222222222222222222222222222222222" },
    { payer: "0x1111111111111111111111111111111111111111" },
    { origin: "http://gateway.example" },
    { signedHash: "34".repeat(32) },
    { salt: "45".repeat(32) },
  ] as const)("differs with %o", (other) => {
    expect(paymentNonce({ ...PARTS, ...other })).not.toBe(paymentNonce(PARTS));
  });

  test.each([{ salt: "44" }, { signedHash: "zz".repeat(32) }, { payer: "0x22" }] as const)(
    "needs more than %o",
    (bad) => {
      expect(() => paymentNonce({ ...PARTS, ...bad })).toThrow(expect.objectContaining({ code: "PAYMENT_MALFORMED" }));
    },
  );
});

describe("amounts in dollars", () => {
  test.each([
    ["0.001", 1_000, 1_000],
    ["$2.01", 2_010_000, 2_010_000],
    ["0.0000001", 1, 0],
    ["0.0000010", 1, 1],
    ["0", 0, 0],
    ["999999999", 999_999_999_000_000, 999_999_999_000_000],
  ])("%s is %i up and %i down", (text, up, down) => {
    expect(parseMicroDollars(text, "up")).toBe(up);
    expect(parseMicroDollars(text, "down")).toBe(down);
  });

  test.each(["", "-1", "1e3", "0x10", "1,5", "NaN", "1.", ".5"])("%s is none", (text) => {
    expect(() => parseMicroDollars(text, "up")).toThrow(expect.objectContaining({ code: "AMOUNT_INVALID" }));
  });

  test.prop([fc.nat({ max: 10 ** 12 })])("are read as they are written", (micro) => {
    expect(parseMicroDollars(formatMicroDollars(micro), "up")).toBe(micro);
  });
});

describe("settings", () => {
  test("spend nothing and no real dollars unless told to", () => {
    const settings = paymentSettings({});
    expect(settings).toMatchObject({ dailyBudget: 0, maxPayment: 50_000 });
    expect(settings.tokens.map(({ real }) => real)).toEqual([false]);
    expect(settings.payees).toBeUndefined();
  });

  test("are read from the environment", () => {
    const settings = paymentSettings({
      ENGRAM_DAILY_BUDGET_USD: "0.50",
      ENGRAM_MAX_PAYMENT_USD: "0.0019999999",
      ENGRAM_PAYMENT_NETWORKS: "eip155:8453, eip155:84532",
      ENGRAM_PAYMENT_MAINNET: "true",
      ENGRAM_PAYMENT_ORIGINS: "https://Gateway.example/relay",
      ENGRAM_PAYEES: "0x036cbd53842c5426634e7929541ec2318f3dcf7e",
    });
    expect(settings).toMatchObject({ dailyBudget: 500_000, maxPayment: 1_999 });
    expect(settings.tokens).toHaveLength(2);
    expect(settings.origins).toEqual(["https://gateway.example"]);
    expect(settings.payees).toEqual(["0x036CbD53842c5426634e7929541eC2318f3dCF7e"]);
  });

  test.each([
    { ENGRAM_DAILY_BUDGET_USD: "much" },
    { ENGRAM_PAYMENT_NETWORKS: "solana" },
    { ENGRAM_PAYMENT_NETWORKS: "eip155:8453" },
    { ENGRAM_PAYMENT_ORIGINS: "gateway.example" },
    { ENGRAM_PAYEES: "0x12" },
  ])("refuse %o", (environment) => {
    expect(() => paymentSettings(environment)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});

describe("headers from outside", () => {
  test.prop([
    fc.constantFrom(1 as const, 2 as const),
    fc.oneof(
      fc.string(),
      fc.json().map((text) => Buffer.from(text).toString("base64")),
    ),
  ])("never throw, whatever they hold", (version, header) => {
    expect(parsePayment(version, header)).toBeUndefined();
    const headers = { get: () => header };
    expect(parseChallenge(headers, header)?.accepts ?? []).toEqual([]);
    expect(parseSettlement(headers)).toBeUndefined();
  });

  test("a settlement counts when it says so and names its transaction", () => {
    const transaction = `0x${"ab".repeat(32)}`;
    const reply = (body: unknown) => ({
      get: (name: string) => (name === "payment-response" ? encodeHeader(body) : null),
    });
    expect(parseSettlement(reply({ success: true, transaction }))).toBe(transaction);
    expect(parseSettlement(reply({ success: false, transaction }))).toBeUndefined();
    expect(parseSettlement(reply({ success: true, transaction: "" }))).toBeUndefined();
  });
});
