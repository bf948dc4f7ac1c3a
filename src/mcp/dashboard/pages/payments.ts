import { html } from "hono/html";
import type { BudgetState, LedgerEntry } from "../../../relay/payment/buyer-types.ts";
import { formatMicroDollars as dollars } from "../../../relay/payment/micro-dollars.ts";
import { chosenNode, nodeLinks, relayingNodes } from "../chosen-node.ts";
import { attempt, type PageContext } from "../context.ts";
import { moment, short } from "../format.ts";
import { emptyState, type Html, type PageBody } from "../page.ts";

const LISTED = 100;

/** What the day may still cost, and what was paid. */
export async function paymentsPage(context: PageContext): Promise<PageBody> {
  const content = html`<h1>Payments</h1>
${await attempt(
  context,
  () => relayingNodes(context.sources),
  async (nodes) => {
    const chosen = chosenNode(nodes, context);
    if (!chosen) {
      return emptyState(
        "Nothing was ever paid.",
        html`Publishing at a gateway may cost; nothing is spent before you set <code>ENGRAM_DAILY_BUDGET_USD</code>. With <code>engram up</code> the dollars are test dollars.`,
      );
    }
    const { books } = chosen;
    const [budget, payments] = await Promise.all([books.budget(), books.payments(LISTED)]);
    return html`${nodeLinks("/payments", nodes, chosen)}<div id="payments" data-live-part="payments">${budgetCard(budget)}${ledger(payments, context.now)}</div>`;
  },
)}`;
  return { section: "payments", title: "Payments", content, live: true };
}

function budgetCard({ day, limit, spent, reserved, left }: BudgetState): Html {
  const used = spent + reserved;
  return html`<section aria-labelledby="budget"><h2 id="budget">Budget of ${day} (UTC)</h2>
${limit === 0 ? html`<p class="muted">The daily budget is 0: nothing is paid. <code>ENGRAM_DAILY_BUDGET_USD</code> sets it.</p>` : html`<p><label for="used">${dollars(used)} of ${dollars(limit)} used</label></p><meter id="used" class="wide" min="0" max="${limit}" value="${Math.min(used, limit)}" high="${Math.round(limit * 0.9)}">${dollars(used)}</meter>`}
<dl class="tiles">${[
    ["Left", left, "may still be spent today"],
    ["Spent", spent, "settled"],
    ["Reserved", reserved, "signed, not settled yet"],
  ].map(
    ([name, value, below]) =>
      html`<div class="tile"><dt>${name}</dt><dd><span class="value">${dollars(Number(value))}</span> <span class="below">${below}</span></dd></div>`,
  )}</dl></section>`;
}

const KINDS = { settled: "good", signed: "note", reserved: "note", released: "" } as const;

function ledger(payments: readonly LedgerEntry[], now: number): Html {
  const title = html`<h2 id="ledger">Ledger</h2>`;
  if (payments.length === 0) {
    return html`<section aria-labelledby="ledger">${title}<p class="muted">Nothing was paid from here yet.</p></section>`;
  }
  const rows = payments.map(
    (
      one,
    ) => html`<tr><th scope="row">${moment(one.createdAt, now)}</th><td><span class="badge ${KINDS[one.state]}">${one.state}</span></td><td class="number">${dollars(one.amount)}</td>
<td>${one.gateway}</td><td>${one.network}</td><td>${short(one.payTo)}</td><td>${short(one.signedHash)}</td><td>${one.transaction === null ? "–" : short(one.transaction)}</td></tr>`,
  );
  return html`<section aria-labelledby="ledger">${title}<div class="scroll card flush" tabindex="0" role="region" aria-label="Ledger"><table>
<thead><tr><th scope="col">When</th><th scope="col">State</th><th scope="col" class="number">Amount</th><th scope="col">Gateway</th><th scope="col">Network</th><th scope="col">To</th><th scope="col">Submission</th><th scope="col">Transaction</th></tr></thead>
<tbody>${rows}</tbody></table></div>${payments.length < LISTED ? "" : html`<p class="muted">The newest ${LISTED}; engram payments --limit shows more.</p>`}</section>`;
}
