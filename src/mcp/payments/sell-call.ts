import type { CallToolResult } from "@modelcontextprotocol/server";
import { formatMicroDollars } from "../../relay/payment/micro-dollars.ts";
import { decodeHeader, HEADERS } from "../../relay/payment/payment-wire.ts";
import { ConsentQuestion } from "../consent.ts";
import type { Tool, ToolContext } from "../tool.ts";
import { describeFailure } from "../tool-result.ts";
import { META } from "./payment-meta.ts";
import { PaymentRequired } from "./payment-required.ts";
import { type MoneyState, PaymentStop, type Purchase, type Till } from "./till.ts";

export interface SoldCall {
  readonly tool: Tool;
  readonly args: unknown;
  /** Of the request. */
  readonly meta: unknown;
  readonly context: ToolContext;
  /** Told of an error that is nobody's business outside. */
  readonly onInternal: (error: unknown) => void;
}

/**
 * Runs a call that costs something: arguments first, so that nobody pays for a refusal; then the payment, settled
 * before anything is done; then the tool. Throws `ConsentQuestion`, before money moves, and `PaymentRequired` where
 * the till tells it so.
 */
export async function sellCall(till: Till, call: SoldCall): Promise<CallToolResult> {
  const { tool, args, meta } = call;
  try {
    tool.check(args, call.context);
    const purchase = await till.purchase(tool.name, args, meta);
    return await till.alone(purchase, () => serve(till, purchase, call));
  } catch (error) {
    return failed(till, error, { state: "not_charged" }, call.onInternal);
  }
}

async function serve(till: Till, purchase: Purchase, call: SoldCall): Promise<CallToolResult> {
  const { tool, args, context, onInternal } = call;
  if (purchase.answered !== null) return JSON.parse(purchase.answered) as CallToolResult;
  try {
    const { payer, charge } = purchase;
    if (!tool.chargesItself) await charge();
    const structuredContent = { ...(await tool.run(args, { ...context, payer, charge })) };
    const result: CallToolResult = {
      structuredContent,
      content: [{ type: "text", text: JSON.stringify(structuredContent) }],
      _meta: metaOf(purchase.money()),
    };
    await purchase.answer(JSON.stringify(result));
    return result;
  } catch (error) {
    return failed(till, error, purchase.money(), onInternal);
  }
}

function failed(till: Till, error: unknown, money: MoneyState, onInternal: SoldCall["onInternal"]): CallToolResult {
  if (error instanceof ConsentQuestion || error instanceof PaymentRequired) throw error;
  if (error instanceof PaymentStop) return stopped(till, error.outcome);
  const failure = describeFailure(error);
  if (failure.code === "INTERNAL") onInternal(error);
  return { ...errorResult({ ...failure, payment: describeMoney(money) }), _meta: metaOf(money) };
}

/** What the gate says instead of the tool. */
function stopped(till: Till, outcome: PaymentStop["outcome"]): CallToolResult {
  const { kind, headers, body } = outcome;
  if (kind === "challenge") {
    if (till.encoding === "error") throw new PaymentRequired(body);
    const structuredContent = decodeHeader(headers[HEADERS.required] ?? "") ?? {};
    return { ...errorResult(structuredContent), structuredContent };
  }
  const message = String(body["error"]);
  if (kind === "refused") {
    const fix = "Call again without a payment: the answer says what to pay.";
    const payment = { state: "not_charged" };
    return errorResult({ code: String(body["reason"]).toUpperCase(), message, fix, payment });
  }
  const payment = { state: "unknown", note: "the money may have moved; do not make another payment" };
  return errorResult({
    ...{ code: "PAYMENT_UNKNOWN", message, fix: "Send the same call with the same payment again." },
    ...{ retry_after_ms: outcome.retryAfterSeconds * 1_000, payment },
  });
}

function errorResult(content: object): CallToolResult {
  return { isError: true, content: [{ type: "text", text: JSON.stringify(content) }] };
}

function metaOf(money: MoneyState): Record<string, unknown> {
  if (money.state === "not_charged") return { "engram/payment": { state: "not_charged" } };
  const header = Object.values(money.headers)[0] ?? "";
  return {
    [META.response]: decodeHeader(header) ?? {},
    "engram/payment": { state: "settled", bound: money.payment.bound },
  };
}

function describeMoney(money: MoneyState): object {
  if (money.state === "not_charged") return { state: "not_charged", note: "the same payment can still be used" };
  const { transaction, amount } = money.payment;
  return {
    ...{ state: "settled", amount: formatMicroDollars(Number(amount)), transaction },
    note: "it was charged once; the same call with the same payment is tried again and charges nothing",
  };
}
