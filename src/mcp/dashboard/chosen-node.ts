import { html } from "hono/html";
import type { RelayBooks } from "../../relay/relay-books.ts";
import type { PageContext } from "./context.ts";
import type { Html } from "./page.ts";
import type { DashboardSources, NodeFolder } from "./sources.ts";

/** A node that has relayed something. */
export interface RelayingNode {
  readonly node: NodeFolder;
  readonly books: RelayBooks;
}

/** All that have, in the order of `nodes`. */
export async function relayingNodes(sources: DashboardSources): Promise<readonly RelayingNode[]> {
  const found = (await sources.nodes()).map(async (node) => {
    const books = await sources.books(node);
    return books ? [{ node, books }] : [];
  });
  return (await Promise.all(found)).flat();
}

/** The one that the address names, else the first. */
export function chosenNode(nodes: readonly RelayingNode[], { query }: PageContext): RelayingNode | undefined {
  const name = query.get("of");
  return nodes.find(({ node }) => node.name === name) ?? nodes[0];
}

/** Links to the others; nothing where there is one. */
export function nodeLinks(path: string, nodes: readonly RelayingNode[], chosen: RelayingNode): Html | string {
  if (nodes.length < 2) return "";
  return html`<nav aria-label="Whose"><ul class="pills">${nodes.map(
    ({ node: { name } }) =>
      html`<li><a href="${path}?of=${name}"${name === chosen.node.name ? html` aria-current="true"` : ""}>${name}</a></li>`,
  )}</ul></nav>`;
}
