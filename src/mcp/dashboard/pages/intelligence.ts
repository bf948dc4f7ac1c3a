import { html } from "hono/html";
import { isEngramError } from "../../../crypto/errors.ts";
import { visible, visibleJson } from "../../../node/runtime/visible-text.ts";
import type { CheckedItem, RefusedItem } from "../../../relay/intelligence/types.ts";
import { formatMicroDollars } from "../../../relay/payment/micro-dollars.ts";
import { clip } from "../../present.ts";
import { failure, type PageContext } from "../context.ts";
import { count, moment, short } from "../format.ts";
import { emptyState, type Html, notice, type PageBody } from "../page.ts";

const PAGE = 20;
/** Of one item's content: the rest is for engram_intelligence. */
const SHOWN_CHARS = 4_000;
const READ_MS = 20_000;
const ASSURANCES = ["quorum", "author", "payer"] as const;
type Assurance = (typeof ASSURANCES)[number];

const MEANING: Readonly<Record<Assurance, string>> = {
  quorum: "validators of different owners agreed",
  author: "a hotkey signed it; whether it is true nobody checked",
  payer: "somebody paid for it; nobody signed it",
};

/** What others published at the gateway, each item with what this process itself checked of it. */
export async function intelligencePage(context: PageContext): Promise<PageBody> {
  const minAssurance = ASSURANCES.find((one) => one === context.query.get("assurance")) ?? "quorum";
  const after = /^\d{1,15}$/.exec(context.query.get("after") ?? "")?.[0];
  const query = { minAssurance, limit: PAGE, ...(after === undefined ? {} : { after: Number(after) }) };
  const content = html`<h1>Intelligence</h1>
<p class="muted">What others published at the gateway. It is theirs, however well it was checked: read it as data, never as instructions.</p>
<nav aria-label="Least assurance"><ul class="pills">${ASSURANCES.map(
    (one) =>
      html`<li><a href="/intelligence?assurance=${one}"${one === minAssurance ? html` aria-current="true"` : ""}>${one}</a></li>`,
  )}</ul></nav>
<p class="muted">At least <strong>${minAssurance}</strong>: ${MEANING[minAssurance]}.</p>
${await feed(query, context)}`;
  return { section: "intelligence", title: "Intelligence", content };
}

async function feed(
  query: { readonly minAssurance: Assurance; readonly limit: number; readonly after?: number },
  context: PageContext,
): Promise<Html> {
  const { sources, now, signal } = context;
  try {
    const reader = await sources.feed();
    const page = await reader.read(query, AbortSignal.any([signal, AbortSignal.timeout(READ_MS)]));
    if (page.items.length === 0 && page.refused.length === 0) {
      return emptyState(
        query.after === undefined ? "Nothing was published with this assurance." : "That was the newest.",
        "Rounds are published once validators agreed and their block is final.",
      );
    }
    const items = page.items.toReversed().map((item) => html`<li>${card(item, now)}</li>`);
    return html`<ol class="list">${items}</ol>${refusedItems(page.refused)}
<div class="actions">${query.after === undefined ? "" : html`<a class="button" href="/intelligence?assurance=${query.minAssurance}">The newest</a>`}<a class="button" href="/intelligence?assurance=${query.minAssurance}&after=${page.next}">What came after these</a></div>`;
  } catch (error) {
    if (!isEngramError(error, "GATEWAY_NOT_CONFIGURED")) return failure(error, context);
    return emptyState(
      "No gateway is known.",
      html`Start a local subnet with <code>engram up</code>, or set <code>XERIS_RELAY_URL</code> and <code>ENGRAM_GATEWAY_HOTKEY</code>.`,
    );
  }
}

const KINDS = { quorum: "good", author: "note", payer: "warn" } as const;

function card(item: CheckedItem, now: number): Html {
  const { seq, outputType, assurance, block, acceptedAtMs, content } = item;
  const text = JSON.stringify(visibleJson(content), null, 2);
  return html`<article class="card stack" aria-labelledby="item-${seq}"><h2 id="item-${seq}" class="item-title">Number ${count(seq)}: ${outputType} of block ${count(block)}</h2>
<p class="meta"><span class="badge ${KINDS[assurance]}">${assurance}</span> <span>accepted ${moment(acceptedAtMs, now)}</span></p>
${checked(item)}
<details id="content-${seq}"><summary>Content<span class="visually-hidden"> of number ${seq}</span></summary><pre tabindex="0" aria-label="Content of number ${seq}">${text.length <= SHOWN_CHARS ? text : clip(text, SHOWN_CHARS)}</pre></details></article>`;
}

/** What was found true of an item by this process, row by row. */
function checked({ id, author, quorum, cosigners, chain, payment, paid, receipt }: CheckedItem): Html {
  const rows: [string, unknown][] = [
    [
      "Agreed",
      quorum === null ? "nobody was asked to" : `${count(quorum.votes)} owners, ${count(quorum.needed)} needed`,
    ],
    [
      "Signed by",
      author === null
        ? "nobody"
        : html`${short(author)}${cosigners.length === 0 ? "" : ` and ${count(cosigners.length)} more`}`,
    ],
    ["Chain", html`<span class="clip">${visible(chain)}</span>`],
    ["Payment", paidBy(payment, paid)],
    ["Receipt", html`${short(receipt.receipt_hash)}, signed by the pinned gateway`],
    ["Submission", short(id)],
  ];
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function paidBy(payment: CheckedItem["payment"], paid: boolean): Html | string {
  if (payment === null) return paid ? "made, and not shown to us" : "none";
  const found = payment.settled === null ? "named by the gateway, not looked up" : "found on the payment chain";
  return html`${formatMicroDollars(Number(payment.amount))} from ${short(payment.payer)}, ${found}`;
}

function refusedItems(refused: readonly RefusedItem[]): Html | string {
  if (refused.length === 0) return "";
  return html`<section aria-labelledby="refused"><h2 id="refused">Not believed</h2>
${notice("warn", "These claim more than they prove, and are not shown.")}
<div class="scroll card flush" tabindex="0" role="region" aria-label="Not believed"><table><thead><tr><th scope="col" class="number">Number</th><th scope="col">Submission</th><th scope="col">What is wrong</th></tr></thead>
<tbody>${refused.map(({ seq, id, problem }) => html`<tr><th scope="row" class="number">${seq}</th><td>${short(visible(id))}</td><td>${problem.replaceAll("_", " ")}</td></tr>`)}</tbody></table></div></section>`;
}
