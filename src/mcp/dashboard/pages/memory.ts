import { html } from "hono/html";
import { EngramError } from "../../../crypto/errors.ts";
import type { CopyAtMiner, Memory, MemoryClient, NamespaceInfo } from "../../../node/client/memory.ts";
import { visible, visibleJson } from "../../../node/runtime/visible-text.ts";
import { attempt, type PageContext } from "../context.ts";
import { count, counted, moment, short } from "../format.ts";
import { confirmation, emptyState, type Html, notice, type PageBody, postForm } from "../page.ts";

/** One memory: its text, where it comes from, and where its copies are. Errors: `MEMORY_NOT_FOUND`. */
export async function memoryPage(id: string, context: PageContext): Promise<PageBody> {
  const client = await context.sources.memory();
  const memory = await theOne(client, id);
  const { csrf, now } = context;
  const place = (await client.namespaces()).find(({ name }) => name === memory.namespace);
  const content = html`<p class="crumbs"><a href="/memories">Memories</a></p><h1>Memory</h1>
${said(context)}
<article class="card"><p class="memory-whole">${visible(memory.text)}</p></article>
<section aria-labelledby="from"><h2 id="from">Where it comes from</h2>${provenance(memory, place, now)}</section>
${metadata(memory)}
<section id="copies" data-live-part="copies" aria-labelledby="copies-title"><h2 id="copies-title">Where its copies are</h2>
${await attempt(
  context,
  () => client.copies(memory.id),
  (copies) => copyTable(copies, now),
)}</section>
<section aria-labelledby="acts"><h2 id="acts">What you can do</h2><div class="actions">
${client.audits ? postForm(`/memories/${memory.id}/verify`, csrf, html`<button type="submit">Have miners prove their copies</button>`) : ""}
${place?.owner === undefined ? html`<a class="button danger" href="/memories/${memory.id}/delete">Forget this memory…</a>` : html`<p class="muted">It is another wallet's: only its owner can forget it.</p>`}</div></section>`;
  return { section: "memories", title: "Memory", content, live: true };
}

/** Asks before a memory is forgotten. Errors: `MEMORY_NOT_FOUND`. */
export async function forgetQuestion(id: string, { sources, csrf }: PageContext): Promise<PageBody> {
  const memory = await theOne(await sources.memory(), id);
  const what = html`<blockquote class="memory-whole">${visible(memory.text.slice(0, 600))}${memory.text.length > 600 ? "…" : ""}</blockquote>
<p>Its bytes are overwritten on this disk, and every miner that holds a copy is asked to delete it until it confirms. There is no way back.</p>`;
  const path = `/memories/${memory.id}`;
  const act = { act: "Forget it for good", action: `${path}/delete`, back: path, csrf, danger: true };
  return {
    section: "memories",
    title: "Forget a memory",
    content: confirmation({ title: "Forget this memory?", what, ...act }),
  };
}

/** Errors: `MEMORY_NOT_FOUND`. */
async function theOne(client: MemoryClient, id: string): Promise<Memory> {
  const [memory] = (await client.get([id])).items;
  if (memory) return memory;
  throw new EngramError("MEMORY_NOT_FOUND", "there is no memory of this id", {
    fix: "It may have been forgotten, or replaced by a newer one.",
  });
}

/** What an act that led back here came to: numbers alone, so that an address cannot put words here. */
function said({ query }: PageContext): Html | string {
  const asked = /^\d{1,6}$/.exec(query.get("asked") ?? "")?.[0];
  if (asked === undefined) return "";
  const proved = /^\d{1,6}$/.exec(query.get("proved") ?? "")?.[0] ?? "0";
  if (asked === "0") return notice("note", "No miner has confirmed a copy yet, so there was nothing to prove.");
  const kind = asked === proved ? "good" : "warn";
  return notice(
    kind,
    `${proved} of ${asked} copies were proved just now.`,
    kind === "good" ? undefined : "What was lost is pushed again.",
  );
}

/** Who can read a memory. */
function seenBy({ visibility }: Memory, place: NamespaceInfo | undefined): Html | string {
  if (visibility === "public") return "everybody: it is public";
  if (place?.owner !== undefined) return html`you, and ${short(place.owner)}, who shares it`;
  const readers = place?.readers ?? 0;
  return readers === 0 ? "the owner of this wallet alone" : `you, and ${counted(readers, "reader")} you share it with`;
}

function provenance(memory: Memory, place: NamespaceInfo | undefined, now: number): Html {
  const rows: [string, unknown][] = [
    ["Id", html`<code>${memory.id}</code>`],
    ["Namespace", visible(memory.namespace)],
    ["Seen by", seenBy(memory, place)],
    ["Said by", memory.speaker === undefined ? "not stated" : visible(memory.speaker)],
    ["Session", html`${visible(memory.session)}, number ${count(memory.seq)}`],
    ["Happened", moment(memory.at, now)],
    ["Stored", moment(memory.createdAt, now)],
    ["Expires", memory.expiresAt === undefined ? "never" : moment(memory.expiresAt, now)],
  ];
  if (memory.replaces !== undefined) rows.push(["Replaces", html`<code>${memory.replaces}</code>`]);
  return html`<dl class="card facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function metadata({ metadata: kept }: Memory): Html | string {
  if (Object.keys(kept).length === 0) return "";
  return html`<section aria-labelledby="metadata"><h2 id="metadata">Metadata</h2><pre class="card" tabindex="0">${JSON.stringify(visibleJson(kept), null, 2)}</pre></section>`;
}

const STATES: Readonly<Record<CopyAtMiner["state"], readonly [string, string]>> = {
  pending: ["on its way", "note"],
  delivered: ["held", "good"],
  deleting: ["being deleted", "note"],
  deleted: ["deleted", ""],
  impossible: ["refuses to delete", "bad"],
};

function copyTable(copies: readonly CopyAtMiner[], now: number): Html {
  if (copies.length === 0) {
    return emptyState(
      "No miner was asked for a copy yet.",
      "Copies are made in the background once miners are known; the memory itself is on this disk.",
    );
  }
  const rows = copies.map(({ miner, part, state, cid, askedAt, verdict }) => {
    const [word, kind] = STATES[state];
    return html`<tr><th scope="row">${short(miner)}</th><td class="number">${part + 1}</td><td><span class="badge ${kind}">${word}</span></td>
<td>${cid === null ? "–" : short(cid)}</td><td>${askedAt === null ? html`<span class="muted">not yet</span>` : html`${verdict ?? ""}, ${moment(askedAt, now)}`}</td></tr>`;
  });
  return html`<div class="scroll card flush" tabindex="0" role="region" aria-label="Copies at miners"><table>
<thead><tr><th scope="col">Miner</th><th scope="col" class="number">Part</th><th scope="col">State</th><th scope="col">CID</th><th scope="col">Proved</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
