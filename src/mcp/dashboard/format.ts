import { html } from "hono/html";
import { isoDate } from "../dates.ts";
import type { Html } from "./page.ts";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** `12,345`. */
export function count(value: number): string {
  return whole.format(value);
}

/** `1 memory`, `2 memories`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `98.5 %`. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1).replace(/\.0$/, "")} %`;
}

/** `340 ms`, `2.4 s`, `3.1 min`, `2.0 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

/** `812 B`, `3.4 kB`, `1.2 MB`. */
export function bytes(size: number): string {
  if (size < 1_000) return `${size} B`;
  return size < 1_000_000 ? `${(size / 1_000).toFixed(1)} kB` : `${(size / 1_000_000).toFixed(1)} MB`;
}

/** `just now`, `5 min ago`, `3 h ago`, `12 days ago`; what is to come is `in 5 min`. */
function ago(at: number, now: number): string {
  const minutes = Math.floor(Math.abs(now - at) / 60_000);
  if (minutes < 1) return at > now ? "in a moment" : "just now";
  const span =
    minutes < 60
      ? `${minutes} min`
      : minutes < 48 * 60
        ? `${Math.floor(minutes / 60)} h`
        : `${Math.floor(minutes / 1_440)} days`;
  return at > now ? `in ${span}` : `${span} ago`;
}

/** A moment as people say it, with the exact one behind it. */
export function moment(at: number | null, now: number): Html {
  if (at === null) return html`<span class="muted">never</span>`;
  return html`<time datetime="${isoDate(at)}" title="${isoDate(at)}">${ago(at, now)}</time>`;
}

/** A long name by its ends, the whole of it for those who point at it or copy it. */
export function short(name: string): Html {
  if (name.length <= 18) return html`<code>${name}</code>`;
  return html`<code title="${name}">${name.slice(0, 8)}…${name.slice(-6)}</code>`;
}
