import { html } from "hono/html";
import type { Hit, Memory, MemoryClient, NamespaceInfo } from "../../../node/client/memory.ts";
import { visible } from "../../../node/runtime/visible-text.ts";
import { clip } from "../../present.ts";
import { attempt, type PageContext } from "../context.ts";
import { count, counted, moment } from "../format.ts";
import { emptyState, type Html, notice, type PageBody } from "../page.ts";

const PAGE = 20;
/** Of a text in the list; its own page has all of it. */
const SHOWN_CHARS = 400;
const MAX_QUESTION = 1_000;

/** Own memories: what fits a question, or all of them, newest first. */
export async function memoriesPage(context: PageContext): Promise<PageBody> {
  const question = (context.query.get("q") ?? "").trim().slice(0, MAX_QUESTION);
  const namespace = context.query.get("namespace") ?? "";
  const forgotten = context.query.get("forgotten") === "1";
  const content = html`<h1>Memories</h1>
${forgotten ? notice("good", "It is forgotten here; holders of copies are asked until each confirms.") : ""}
${await attempt(
  context,
  async () => {
    const client = await context.sources.memory();
    return { client, namespaces: await client.namespaces() };
  },
  async ({ client, namespaces }) => html`${searchForm(question, namespace, namespaces)}
<div id="results" data-results>${await attempt(
    context,
    () => found(client, question, namespace, context),
    (page) => results(page, question, namespace, context.now),
  )}</div>`,
)}`;
  return { section: "memories", title: question === "" ? "Memories" : `“${question}” in memories`, content };
}

function searchForm(question: string, namespace: string, namespaces: readonly NamespaceInfo[]): Html {
  const options = namespaces.map(
    ({ name, memories, owner }) =>
      html`<option value="${name}"${name === namespace ? html` selected` : ""}>${visible(name)} (${count(memories)})${owner === undefined ? "" : ", shared with you"}</option>`,
  );
  return html`<search><form class="search" action="/memories" method="get" data-search>
<div class="field grow"><label for="q">Search your memories</label><input id="q" name="q" type="search" value="${question}" autocomplete="off" spellcheck="false" placeholder="What was it about?" aria-describedby="q-help" maxlength="${MAX_QUESTION}"></div>
<div class="field"><label for="namespace">Namespace</label><select id="namespace" name="namespace"><option value="">All of them</option>${options}</select></div>
<button type="submit" class="primary">Search</button>
<p id="q-help" class="muted full">By meaning and by words. Nothing you type leaves this machine unless you chose an embedder elsewhere.</p>
</form></search>`;
}

interface Found {
  readonly items: readonly (Memory | Hit)[];
  readonly next?: string;
  readonly why?: string;
}

async function found(client: MemoryClient, question: string, namespace: string, context: PageContext): Promise<Found> {
  const cursor = context.query.get("cursor");
  const after = cursor === null ? {} : { cursor };
  if (question === "") return await client.list({ limit: PAGE, ...(namespace === "" ? {} : { namespace }), ...after });
  const chosen = namespace === "" ? {} : { namespaces: [namespace] };
  const { hits, next, why } = await client.query(
    { query: question, scope: "own", limit: PAGE, ...chosen, ...after },
    { signal: context.signal },
  );
  return { items: hits, ...(next === undefined ? {} : { next }), ...(why === undefined ? {} : { why }) };
}

function results({ items, next, why }: Found, question: string, namespace: string, now: number): Html {
  if (items.length === 0) return nothing(question, namespace, why);
  const more = new URLSearchParams({ q: question, namespace, cursor: next ?? "" });
  return html`<h2 class="count" data-announce>${question === "" ? "Newest first" : counted(items.length, "memory", "memories")}</h2>
<ol class="list">${items.map((memory) => html`<li>${summary(memory, now)}</li>`)}</ol>
${next === undefined ? "" : html`<p><a class="button" href="/memories?${more.toString()}">${question === "" ? "Older memories" : "More"}</a></p>`}`;
}

function nothing(question: string, namespace: string, why: string | undefined): Html {
  if (question !== "") {
    return html`<h2 class="visually-hidden" data-announce>No memory fits</h2>${emptyState("No memory fits.", `${visible(why ?? "nothing matches")}. Try fewer or other words, or all namespaces.`)}`;
  }
  const where = namespace === "" ? "Nothing is remembered yet." : `Nothing is remembered in ${visible(namespace)} yet.`;
  return emptyState(
    where,
    html`Agents store through the <code>engram_store</code> tool; you can with <code>engram store "…"</code>.`,
  );
}

function summary(memory: Memory | Hit, now: number): Html {
  const text = visible(memory.text);
  return html`<article class="card memory"><p class="memory-text"><a href="/memories/${memory.id}">${clipped(text)}</a></p>
<p class="meta"><span class="badge">${visible(memory.namespace)}</span>${memory.visibility === "public" ? html` <span class="badge note">public</span>` : ""}${"tier" in memory && memory.tier === "shared" ? html` <span class="badge warn">shared by another wallet</span>` : ""}
${memory.speaker === undefined ? "" : html`<span>${visible(memory.speaker)}</span>`} <span>${moment(memory.at, now)}</span>
${"score" in memory ? html`<span class="score"><span class="visually-hidden">score </span>${memory.score.toFixed(2)}</span>` : ""}</p>
${"score" in memory && memory.similar ? sayingTheSame(memory.similar) : ""}</article>`;
}

function sayingTheSame(ids: readonly string[]): Html {
  return html`<p class="meta">Says the same: ${ids.map((id) => html`<a href="/memories/${id}">${id}</a> `)}</p>`;
}

function clipped(text: string): string {
  return text.length <= SHOWN_CHARS ? text : clip(text, SHOWN_CHARS);
}
