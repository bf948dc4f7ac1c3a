import { html } from "hono/html";
import { EngramError } from "../../../crypto/errors.ts";
import { formatMicroDollars } from "../../../relay/payment/micro-dollars.ts";
import type { RelayBooks } from "../../../relay/relay-books.ts";
import { relayingNodes } from "../chosen-node.ts";
import type { PageContext } from "../context.ts";
import { count, moment, short } from "../format.ts";
import { confirmation, type Html, type PageBody } from "../page.ts";
import { stateBadge } from "./relay.ts";

type Submission = NonNullable<Awaited<ReturnType<RelayBooks["find"]>>>;

/** One submission, step by step. Errors: `RELAY_UNKNOWN`. */
export async function submissionPage(of: string, job: string, context: PageContext): Promise<PageBody> {
  const one = await theOne(of, job, context);
  const content = html`<p class="crumbs"><a href="/relay?of=${of}">Relay of ${of}</a></p><h1>Submission</h1>
<div id="submission" data-live-part="submission">${facts(one, context.now)}${receipt(one, context.now)}</div>
${isStuck(one) ? html`<section aria-labelledby="acts"><h2 id="acts">What you can do</h2><div class="actions"><a class="button" href="/relay/${of}/${one.job}/replay">Send it again…</a></div></section>` : ""}`;
  return { section: "relay", title: "Submission", content, live: true };
}

/** Asks before a dead letter is sent again. Errors: `RELAY_UNKNOWN`. */
export async function replayQuestion(of: string, job: string, context: PageContext): Promise<PageBody> {
  const one = await theOne(of, job, context);
  const back = `/relay?of=${of}`;
  const what = html`<p>${stateBadge(one.state)} ${one.outputType} of block ${count(one.block)}, after ${count(one.attempts)} failed attempts${one.lastError === null ? "" : html`: <code>${one.lastError}</code>`}.</p>
<p>It is queued anew, and sent on the gateway's present terms: where the price has changed, the new one is paid, within today's budget.</p>`;
  const act = { act: "Send it again", action: `/relay/${of}/${one.job}/replay`, back, csrf: context.csrf };
  return { section: "relay", title: "Send again", content: confirmation({ title: "Send this again?", what, ...act }) };
}

/** Queues a dead letter anew. Errors: `RELAY_UNKNOWN`, `RELAY_NOT_REPLAYABLE`. */
export async function replay(of: string, job: string, context: PageContext): Promise<string> {
  const books = await booksOf(of, context);
  return `/relay/${of}/${await books.replay(job)}`;
}

async function theOne(of: string, job: string, context: PageContext): Promise<Submission> {
  const found = await (await booksOf(of, context)).find(job);
  if (found) return found;
  throw unknown();
}

async function booksOf(of: string, { sources }: PageContext): Promise<RelayBooks> {
  const found = (await relayingNodes(sources)).find(({ node }) => node.name === of);
  if (found) return found.books;
  throw unknown();
}

function unknown(): EngramError {
  return new EngramError("RELAY_UNKNOWN", "no submission has this job", { fix: "The relay's page lists them." });
}

function isStuck({ state }: Submission): boolean {
  return state === "parked" || state === "abandoned";
}

function facts(one: Submission, now: number): Html {
  const rows: [string, unknown][] = [
    ["State", stateBadge(one.state)],
    ["Job", html`<code>${one.job}</code>`],
    ["What", `${one.outputType}, ${one.assurance}`],
    ["Made at", `block ${count(one.block)} of subnet ${one.netuid}`],
    ["Round", count(one.roundId)],
    ["Output hash", short(one.outputHash)],
    ["Signed hash", one.signedHash === null ? "not signed yet" : short(one.signedHash)],
    ["Co-signatures", count(one.cosignatures.length)],
    ["Anchor", one.anchor === null ? "none" : `block ${count(one.anchor.number)}`],
    ["Queued", moment(one.createdAt, now)],
    ["Signed", moment(one.releasedAt, now)],
    ["First sent", moment(one.firstSubmitAt, now)],
    ["Acknowledged", moment(one.httpAckAt, now)],
    ["Ended", one.endedAt === null ? html`not yet; next attempt ${moment(one.nextAt, now)}` : moment(one.endedAt, now)],
    ["Failed attempts", count(one.attempts)],
    [
      "Last error",
      one.lastError === null
        ? "none"
        : html`<code>${one.lastError}</code>${one.lastHttpCode === null ? "" : ` (HTTP ${one.lastHttpCode})`}`,
    ],
  ];
  return list(rows);
}

function receipt({ receipt: kept }: Submission, now: number): Html | string {
  if (kept === null) return "";
  const rows: [string, unknown][] = [
    ["Number", count(kept.gateway_seq)],
    ["Accepted", html`${moment(kept.accepted_at_ms, now)}, as ${kept.assurance}`],
    ["At block", count(kept.accepted_at_block)],
    ["Receipt hash", short(kept.receipt_hash)],
    [
      "Paid",
      kept.payment
        ? html`${formatMicroDollars(Number(kept.payment.amount))} by ${short(kept.payment.payer)}`
        : kept.payment_hash === null
          ? "nothing"
          : "by somebody it does not name",
    ],
  ];
  return html`<section aria-labelledby="receipt"><h2 id="receipt">Receipt</h2><p class="muted">Signed by the pinned gateway, and checked when it came.</p>${list(rows)}</section>`;
}

function list(rows: readonly (readonly [string, unknown])[]): Html {
  return html`<dl class="card facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
