import { expect, test } from "vitest";
import { dayOf, openLedger } from "../../src/relay/payment/ledger.ts";
import { engram, engramJson, temporaryFolder } from "./engram.ts";

test("engram payments shows the day's budget and what was paid, and nothing that could be spent", async () => {
  const home = await temporaryFolder();
  const empty = await engram(home, ["payments"]);
  expect(empty).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing was paid yet.") });
  const address = `0x${"11".repeat(20)}` as const;
  const key = { signedHash: "ab".repeat(32), gateway: "http://gateway.test" };
  const nonce = `0x${"22".repeat(32)}` as const;
  const now = Date.now();
  {
    await using ledger = openLedger(home);
    const terms = { network: "eip155:84532", asset: address, payTo: address, payer: address, salt: "5a5a5a" } as const;
    await ledger.call("reserve", { ...key, ...terms, nonce, amount: 1_500, limit: 2_000, day: dayOf(now), now });
    const payment = "c2VjcmV0LXBheW1lbnQ=";
    await ledger.call("storeSigned", { ...key, nonce, validBefore: 1, header: "payment-signature", payment, now });
  }
  const report = await engramJson(home, ["payments"]);
  expect(report).toMatchObject({
    budget: { limit: 0, reserved: 1_500, spent: 0, left: 0 },
    payments: [{ ...key, state: "signed", amount: 1_500, transaction: null }],
  });
  const shown = await engram(home, ["payments"]);
  expect(shown.stdout).toContain("$0.0015");
  for (const secret of ["c2VjcmV0LXBheW1lbnQ", "5a5a5a"])
    expect(JSON.stringify(report) + shown.stdout).not.toContain(secret);
});
