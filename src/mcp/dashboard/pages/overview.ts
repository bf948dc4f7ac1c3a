import { html } from "hono/html";
import type { ClientStatus } from "../../../node/client/memory.ts";
import { formatMicroDollars } from "../../../relay/payment/micro-dollars.ts";
import { attempt, type PageContext } from "../context.ts";
import { count, counted, moment, short } from "../format.ts";
import { type Attention, needsAttention, type RelayNow } from "../needs-attention.ts";
import { emptyState, type Html, notice, type PageBody } from "../page.ts";
import { figure, MAX_POINTS } from "../plot.ts";
import type { ShownProcess } from "../sources.ts";

const SPANS = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;
type Span = keyof typeof SPANS;

/** The home at a glance: what needs a person, the numbers, and how they came to be. */
export async function overviewPage(context: PageContext): Promise<PageBody> {
  const { sources } = context;
  const content = html`<h1>Overview</h1>
${await attempt(
  context,
  async () => ({ status: await (await sources.memory()).status(), relays: await relaysNow(context) }),
  ({ status, relays }) => glance(status, relays, context.now),
)}
${await attempt(
  context,
  async () => context,
  (present) => overTime(present),
)}
${processTable(sources.processes?.() ?? [])}`;
  return { section: "overview", title: "Overview", content, live: true };
}

async function relaysNow({ sources }: PageContext): Promise<readonly RelayNow[]> {
  const found = (await sources.nodes()).map(async (node) => {
    const books = await sources.books(node);
    if (!books) return [];
    const [status, budget] = await Promise.all([books.status(), books.budget()]);
    return [{ name: node.name, status, budget }];
  });
  return (await Promise.all(found)).flat();
}

function glance(status: ClientStatus, relays: readonly RelayNow[], now: number): Html {
  if (status.memories === 0 && relays.length === 0) {
    return html`<div data-live-part="glance" id="glance">${emptyState(
      "Nothing is remembered yet.",
      html`Give an agent its memory with <code>engram mcp install --write</code>, or try <code>engram store "hello"</code>. This page follows by itself.`,
    )}${numbers(status, relays, now)}</div>`;
  }
  return html`<div data-live-part="glance" id="glance">${attentionList(needsAttention(status, relays))}${numbers(status, relays, now)}</div>`;
}

function attentionList(found: readonly Attention[]): Html {
  if (found.length === 0) return notice("good", "Everything is as it should be.");
  return html`<section aria-labelledby="attention"><h2 id="attention" class="visually-hidden">What needs you</h2>${found.map(
    ({ kind, what, fix, path }) =>
      notice(
        kind,
        what,
        path === undefined
          ? fix
          : html`${fix} <a href="${path}">Show me<span class="visually-hidden">: ${what}</span></a>`,
      ),
  )}</section>`;
}

function numbers(status: ClientStatus, relays: readonly RelayNow[], now: number): Html {
  const { replicas, journal, miners, chain, awaitingVectors } = status;
  const reachable = miners.filter((miner) => miner.reachable).length;
  const waiting = journal.pushes + journal.deletes;
  const sum = (of: (relay: RelayNow) => number) => relays.reduce((total, relay) => total + of(relay), 0);
  const lastOk = Math.max(0, ...relays.map((relay) => relay.status.last_ok_at ?? 0));
  const agent = relays.find(({ name }) => name === "agent")?.budget;
  return html`<section aria-labelledby="numbers"><h2 id="numbers" class="visually-hidden">Numbers</h2><dl class="tiles">
${tile("Memories", count(status.memories), `in ${counted(status.namespaces, "namespace")}${awaitingVectors > 0 ? `, ${count(awaitingVectors)} not embedded yet` : ""}`, "/memories")}
${tile("Copies of each", replicas.possible === 0 ? "none" : `${replicas.have} of ${replicas.target}`, waiting > 0 ? `${count(waiting)} on their way` : (replicas.note ?? "nothing waits"), "/network")}
${tile("Miners", miners.length === 0 ? "none" : `${reachable} of ${miners.length}`, miners.length === 0 ? "no remote miner is known" : "can be reached", "/network")}
${tile("Chain", `block ${count(chain.block)}`, html`<span class="clip">${chain.identity}</span>`, "/network")}
${tile("Relayed", count(sum(({ status: one }) => one.total_ok)), lastOk === 0 ? "nothing was delivered yet" : html`last ${moment(lastOk, now)}`, "/relay")}
${tile("Budget left", agent ? formatMicroDollars(agent.left) : "–", agent ? `of ${formatMicroDollars(agent.limit)} today (UTC)` : "your agents paid nothing yet", "/payments")}
</dl><p class="muted">Hotkey ${short(status.hotkey)} · model ${status.embedder.model}, ${status.embedder.dim} dimensions</p></section>`;
}

function tile(name: string, value: string, below: string | Html, path: string): Html {
  return html`<div class="tile"><dt><a href="${path}">${name}</a></dt><dd><span class="value">${value}</span> <span class="below">${below}</span></dd></div>`;
}

function processTable(processes: readonly ShownProcess[]): Html | string {
  if (processes.length === 0) return "";
  return html`<section id="processes" data-live-part="processes" aria-labelledby="processes-title"><h2 id="processes-title">Processes</h2>
<div class="scroll card flush" tabindex="0" role="region" aria-label="Processes"><table>
<thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col">Address</th><th scope="col" class="number">Process id</th></tr></thead>
<tbody>${processes.map(
    ({ name, state, pid, url }) =>
      html`<tr><th scope="row">${name}</th><td><span class="badge ${state === "started" ? "good" : "warn"}">${state}</span></td><td><code>${url ?? "–"}</code></td><td class="number">${pid ?? "–"}</td></tr>`,
  )}</tbody></table></div></section>`;
}

async function overTime({ history, now, query }: PageContext): Promise<Html> {
  const asked = query.get("span") ?? "day";
  const span: Span = asked === "hour" || asked === "week" ? asked : "day";
  const samples = await history.call("samples", { since: now - SPANS[span], until: now, points: MAX_POINTS });
  const along = { name: "Time (UTC)", kind: "time" as const, values: samples.map(({ at }) => at) };
  const empty = "The first points come within two minutes; they are kept for a week.";
  const plots = [
    figure({
      id: "plot-memories",
      title: "Memories",
      unit: "",
      along,
      lines: [{ name: "memories", values: samples.map((one) => one.memories) }],
      show: count,
      empty,
    }),
    figure({
      id: "plot-waiting",
      title: "Copies and deletes on their way",
      unit: "",
      along,
      lines: [{ name: "waiting", values: samples.map((one) => one.waiting) }],
      show: count,
      empty,
    }),
    figure({
      id: "plot-miners",
      title: "Miners that answer, and copies of each memory",
      unit: "",
      along,
      lines: [
        { name: "miners", values: samples.map((one) => one.miners) },
        { name: "copies", values: samples.map((one) => one.copies) },
      ],
      show: count,
      empty,
      style: "step",
    }),
    figure({
      id: "plot-block",
      title: "Block",
      unit: "",
      along,
      lines: [{ name: "block", values: samples.map((one) => one.block) }],
      show: count,
      empty,
    }),
  ];
  return html`<section id="over-time" data-live-part="over-time" aria-labelledby="over-time-title"><div class="row"><h2 id="over-time-title">Over time</h2>
<nav aria-label="Span of the plots"><ul class="pills">${(Object.keys(SPANS) as Span[]).map(
    (one) => html`<li><a href="/?span=${one}"${one === span ? html` aria-current="true"` : ""}>${one}</a></li>`,
  )}</ul></nav></div><div class="plots">${plots}</div></section>`;
}
