import { readFile } from "node:fs/promises";
import { Writable } from "node:stream";
import { inspect } from "node:util";
import { pino } from "pino";
import { expect, test } from "vitest";
import { PaymentGate } from "../../../src/relay/gateway/payment-gate.ts";
import { paymentTable } from "../../../src/relay/gateway/payment-table.ts";
import { payerKeyPath } from "../../../src/relay/payment/payment-buyer.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import { newAddress, openMoney } from "./money.ts";
import { ORIGIN, PRICE, Shop, submissionOf } from "./shop.ts";

test("neither keys nor payments get into logs, errors, answers or printed objects", async () => {
  await using money = await openMoney();
  const said: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      said.push(chunk.toString());
      done();
    },
  });
  const log = pino({ level: "trace", base: null }, stream);
  const home = await money.folder();
  await using buyer = await money.buyer({ home });
  const { evm, facilitator, chain } = money;
  const payTo = newAddress();
  await using shop = new Shop({ evm, facilitator, folder: await money.folder(), payTo });

  const asked = await shop.post("canary");
  const submission = submissionOf("canary");
  const headers = await buyer.pay({ headers: asked.headers, body: await asked.json() }, submission);
  const payment = headers["payment-signature"] ?? "";
  const { payload } = JSON.parse(atob(payment)) as { readonly payload: { readonly signature: string } };
  const key = (await readFile(payerKeyPath(home), "utf8")).trim().slice(2);

  // A facilitator that blurts out everything it was given, in an answer and in an error.
  let throws = false;
  const blurting = {
    ...facilitator,
    settle: async (given: unknown) => {
      const errorMessage = JSON.stringify(given) + payment;
      if (throws) throw new Error(errorMessage);
      const refused = {
        success: false,
        errorReason: "insufficient_funds",
        transaction: "",
        network: evm.token.network,
      };
      return { ...refused, errorMessage };
    },
  };
  const terms = { origin: ORIGIN, token: evm.token, payTo, price: PRICE, v1: true };
  const gate = new PaymentGate({ terms, table: paymentTable(shop.store), facilitator: blurting, chain, log });
  for (let i = 0; i < 2; i++) {
    const required = await gate.require(submission, new Headers(headers));
    if (required.kind !== "offered") throw new Error(`not offered: ${required.kind}`);
    const outcome = await gate.settle(required.payment);
    expect(outcome.kind).toBe(i === 0 ? "challenge" : "unknown");
    said.push(JSON.stringify(outcome));
    throws = true;
  }
  const changed = await shop.post("other", headers);
  said.push(await changed.text(), JSON.stringify([...changed.headers]));
  const error: unknown = await buyer
    .pay({ headers: new Headers({ "payment-required": payment }), body: headers }, submission)
    .catch((thrown: unknown) => thrown);
  said.push(inspect(error, { depth: 10, showHidden: true }));
  const opened = await openPaymentKey(payerKeyPath(home));
  said.push(inspect(buyer, { depth: 10, showHidden: true }), inspect(opened, { depth: 10 }), JSON.stringify(opened));

  const all = said.join("\n");
  expect(said.length).toBeGreaterThan(6);
  for (const secret of [key, payment, payload.signature.slice(2)]) expect(all).not.toContain(secret);
  // The test can see what it looks for.
  expect(`${all}${opened.secret.reveal()}`).toContain(key);
});

test("a key file that holds no key is told of without being quoted, and is not replaced", async () => {
  await using money = await openMoney();
  const { writeFile } = await import("node:fs/promises");
  for (const content of ["not a key", `0x${"f".repeat(64)}`, `0x${"0".repeat(64)}`, ""]) {
    const path = payerKeyPath(await money.folder());
    await writeFile(path, content);
    const error: unknown = await openPaymentKey(path).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "PAYMENT_KEY_INVALID" });
    if (content !== "") expect(inspect(error, { depth: 10 })).not.toContain(content);
    expect(await readFile(path, "utf8")).toBe(content);
  }
});
