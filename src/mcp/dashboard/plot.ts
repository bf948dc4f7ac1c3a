import { html } from "hono/html";
import { isoDate } from "../dates.ts";
import type { Html } from "./page.ts";

/** A line of a plot, point by point; null where nothing was measured. */
export interface Line {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export interface Plot {
  /** Of the page, so that it is found again when the page is taken anew. */
  readonly id: string;
  readonly title: string;
  /** Of all lines, as in `ms`; empty for counts. */
  readonly unit: string;
  /** What the points lie along: moments (unix ms), or numbers with a name, as of a round. */
  readonly along: { readonly name: string; readonly kind: "time" | "number"; readonly values: readonly number[] };
  readonly lines: readonly Line[];
  readonly show: (value: number) => string;
  /** Where there is nothing to draw yet. */
  readonly empty: string;
  readonly style?: "line" | "step";
  /** What the values are: `share`s are shown in per cent. */
  readonly values?: "number" | "share";
}

/** Points of one plot; the table behind it has as many rows. */
export const MAX_POINTS = 240;

/**
 * A figure: the script draws the table behind it, which stays for those who read instead of look, and where no script
 * runs. A plot without two points says so in words.
 */
export function figure(plot: Plot): Html {
  const { id, title, unit, along, lines, style = "line", values = "number" } = plot;
  const points = along.values.length;
  const caption = html`<figcaption>${title}${unit === "" ? "" : html` <span class="unit">${unit}</span>`}</figcaption>`;
  if (points < 2) {
    return html`<figure class="card plot" id="${id}">${caption}<p class="plot-empty muted">${plot.empty}</p></figure>`;
  }
  return html`<figure class="card plot" id="${id}" data-plot="${style}" data-along="${along.kind}" data-values="${values}">${caption}
<div class="canvas" aria-hidden="true"></div>
<p class="plot-latest">${lines.map((line, index) => latest(plot, line, index))}</p>
<details id="${id}-table"><summary>As a table <span class="visually-hidden">: ${title}, ${points} rows</span></summary>
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col">${along.name}</th>${lines.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody>${along.values.map((at, row) => tableRow(plot, at, row))}</tbody></table></div></details></figure>`;
}

function latest({ show }: Plot, { name, values }: Line, index: number): Html {
  const value = values.findLast((one) => one !== null);
  return html`<span class="key key-${index % 6}"><span class="swatch" aria-hidden="true"></span>${name} <strong>${
    value === undefined || value === null ? "–" : show(value)
  }</strong></span>`;
}

function tableRow({ along, lines, show }: Plot, at: number, row: number): Html {
  const head = along.kind === "time" ? isoDate(at).replace("T", " ").replace("Z", "") : String(at);
  const cells = lines.map(({ values }) => {
    const value = values[row] ?? null;
    return value === null
      ? html`<td class="number" data-value="">–</td>`
      : html`<td class="number" data-value="${value}">${show(value)}</td>`;
  });
  return html`<tr><th scope="row" data-value="${at}">${head}</th>${cells}</tr>`;
}
