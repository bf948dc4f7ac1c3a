import { html } from "hono/html";
import type { Course } from "../../../relay/outbox/outbox-operations.ts";
import { SUBMISSION_STATES, type SubmissionState } from "../../../relay/outbox/outbox-types.ts";
import type { RelayStatus } from "../../../relay/status.ts";
import { chosenNode, nodeLinks, relayingNodes } from "../chosen-node.ts";
import { attempt, type PageContext } from "../context.ts";
import { bytes, count, counted, duration, moment, percent, short } from "../format.ts";
import { emptyState, type Html, type PageBody } from "../page.ts";
import { figure } from "../plot.ts";
import { deliveriesOf, stretchesOf } from "../relay-series.ts";

const LISTED = 50;
/** Submissions that the plots look back on. */
const LOOKED_AT = 2_000;
/** A person can have these sent again. */
const STUCK: readonly SubmissionState[] = ["parked", "abandoned"];

/** What is on its way to the gateway: by state, over time, and what got stuck. */
export async function relayPage(context: PageContext): Promise<PageBody> {
  const content = html`<h1>Relay</h1>
${await attempt(
  context,
  () => relayingNodes(context.sources),
  async (nodes) => {
    const chosen = chosenNode(nodes, context);
    if (!chosen) return nothingRelayed();
    const { node, books } = chosen;
    const state = SUBMISSION_STATES.find((one) => one === context.query.get("state"));
    const [status, courses, stuck, listed] = await Promise.all([
      books.status(),
      books.courses(LOOKED_AT),
      Promise.all(STUCK.map((one) => books.courses(LISTED, one))),
      books.courses(LISTED, state),
    ]);
    return html`${nodeLinks("/relay", nodes, chosen)}
<div id="relay" data-live-part="relay">
${pipeline(node.name, status, state)}
${deadLetters(node.name, stuck.flat(), context.now)}
${overTime(courses)}
<section aria-labelledby="listed"><h2 id="listed">${state === undefined ? "Newest submissions" : `Submissions that are ${state}`}</h2>
${table(node.name, listed, context.now, "Submissions")}
${listed.length < LISTED ? "" : html`<p class="muted">The newest ${LISTED}; engram relay list --limit shows more.</p>`}</section></div>`;
  },
)}`;
  return { section: "relay", title: "Relay", content, live: true };
}

function nothingRelayed(): Html {
  return emptyState(
    "Nothing was relayed yet.",
    html`Validators relay what they agree on, and agents publish with <code>engram_relay_submit</code>. A whole subnet that does: <code>engram up</code>.`,
  );
}

function pipeline(of: string, status: RelayStatus, chosen: SubmissionState | undefined): Html {
  const steps = SUBMISSION_STATES.map((state) => {
    const number = status.states[state];
    return html`<li${number === 0 ? html` class="zero"` : ""}><a href="/relay?of=${of}&state=${state}"${
      state === chosen ? html` aria-current="true"` : ""
    }><strong>${count(number)}</strong><span>${state}</span></a></li>`;
  });
  const failures = status.consecutive_failures;
  return html`<section aria-labelledby="pipeline"><h2 id="pipeline">By state</h2><ol class="pipeline">${steps}</ol>
<p class="muted below">${counted(status.failed_attempts, "attempt")} failed so far, ${failures === 0 ? "none" : count(failures)} since the last delivery${
    status.clock_skew_ms === null
      ? ""
      : `; the gateway's clock is ${duration(Math.abs(status.clock_skew_ms))} ${status.clock_skew_ms < 0 ? "behind" : "ahead"}`
  }.</p></section>`;
}

function deadLetters(of: string, stuck: readonly Course[], now: number): Html {
  return html`<section aria-labelledby="dead"><h2 id="dead">Dead letters</h2>${
    stuck.length === 0
      ? html`<p class="muted">Nothing was refused for good or given up.</p>`
      : table(of, stuck, now, "Dead letters")
  }</section>`;
}

const KINDS: Readonly<Partial<Record<SubmissionState, string>>> = {
  delivered: "good",
  parked: "bad",
  abandoned: "bad",
  orphaned: "",
  skipped: "",
  dropped: "",
};

/** A state in its colour. */
export function stateBadge(state: SubmissionState): Html {
  return html`<span class="badge ${KINDS[state] ?? "note"}">${state}</span>`;
}

function table(of: string, submissions: readonly Course[], now: number, name: string): Html {
  if (submissions.length === 0) return html`<p class="muted">There is none.</p>`;
  return html`<div class="scroll card flush" tabindex="0" role="region" aria-label="${name}"><table>
<thead><tr><th scope="col">Job</th><th scope="col">State</th><th scope="col">What</th><th scope="col" class="number">Block</th><th scope="col">Queued</th><th scope="col" class="number">Failed</th><th scope="col">Why</th><th scope="col"><span class="visually-hidden">Act</span></th></tr></thead>
<tbody>${submissions.map((one) => row(of, one, now))}</tbody></table></div>`;
}

function row(of: string, one: Course, now: number): Html {
  const path = `/relay/${of}/${one.job}`;
  const again = STUCK.includes(one.state)
    ? html`<a href="${path}/replay">Send again<span class="visually-hidden"> ${one.job}</span></a>`
    : "";
  return html`<tr><th scope="row"><a href="${path}">${short(one.job)}</a></th><td>${stateBadge(one.state)}</td><td>${one.outputType}</td>
<td class="number">${count(one.block)}</td><td>${moment(one.createdAt, now)}</td><td class="number">${count(one.attempts)}</td><td>${one.lastError ?? ""}</td><td>${again}</td></tr>`;
}

function overTime(courses: readonly Course[]): Html {
  const deliveries = deliveriesOf(courses);
  const stretches = stretchesOf(courses);
  const empty = "Two deliveries make a line; there are fewer so far.";
  const each = { name: "Delivered (UTC)", kind: "time" as const, values: deliveries.map(({ at }) => at) };
  const from = { name: "From (UTC)", kind: "time" as const, values: stretches.map(({ at }) => at) };
  const rates = stretches.map(({ delivered, failed }) =>
    delivered + failed === 0 ? null : delivered / (delivered + failed),
  );
  return html`<section aria-labelledby="over-time"><h2 id="over-time">Over time</h2><div class="plots">
${figure({ id: "plot-latency", title: "Latency, first attempt to receipt", unit: "ms", along: each, lines: [{ name: "latency", values: deliveries.map((one) => one.latency) }], show: duration, empty })}
${figure({ id: "plot-success", title: "Success", unit: "share of what ended", along: from, lines: [{ name: "delivered", values: rates }], show: percent, values: "share", empty })}
${figure({ id: "plot-volume", title: "Volume", unit: "bytes delivered", along: from, lines: [{ name: "bytes", values: stretches.map((one) => one.bytes) }], show: bytes, empty, style: "step" })}
${figure({
  id: "plot-lag",
  title: "Lag",
  unit: "ms",
  along: each,
  lines: [
    { name: "until final", values: deliveries.map((one) => one.finality) },
    { name: "until acknowledged", values: deliveries.map((one) => one.acknowledged) },
  ],
  show: duration,
  empty,
})}
</div></section>`;
}
