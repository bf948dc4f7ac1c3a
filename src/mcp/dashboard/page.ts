import { html } from "hono/html";

/** Markup whose every value was escaped as it was put in. */
export type Html = ReturnType<typeof html>;

export type Theme = "system" | "light" | "dark";

/** Where a page stands in the navigation. */
type Section = "overview" | "memories" | "network" | "relay" | "intelligence" | "payments";

/** A page's own part. */
export interface PageBody {
  readonly section: Section | null;
  readonly title: string;
  readonly content: Html;
  /** Taken anew, part by part, whenever the server says that something happened. */
  readonly live?: boolean;
  /** Default 200. */
  readonly status?: 200 | 400 | 403 | 404 | 429 | 500 | 503;
}

/** Who looks at it. */
export interface Viewer {
  readonly theme: Theme;
  /** Of the session; null before signing in. */
  readonly csrf: string | null;
  readonly path: string;
}

const SECTIONS: readonly { readonly section: Section; readonly path: string; readonly name: string }[] = [
  { section: "overview", path: "/", name: "Overview" },
  { section: "memories", path: "/memories", name: "Memories" },
  { section: "network", path: "/network", name: "Network" },
  { section: "relay", path: "/relay", name: "Relay" },
  { section: "intelligence", path: "/intelligence", name: "Intelligence" },
  { section: "payments", path: "/payments", name: "Payments" },
];

const NEXT_THEME = { system: "light", light: "dark", dark: "system" } as const;

/** A whole document around `body`. */
export function wholePage(body: PageBody, viewer: Viewer): Html {
  const { title, section, live } = body;
  return html`<!doctype html>
<html lang="en" data-theme="${viewer.theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} · Engram</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/uplot.css">
<link rel="stylesheet" href="/assets/style.css">
<script src="/assets/uplot.js" defer></script>
<script src="/assets/page.js" type="module"></script>
</head>
<body${live ? html` data-live` : ""}${viewer.csrf === null ? html` class="bare"` : ""}>
<a class="skip" href="#content">Skip to the content</a>
${viewer.csrf === null ? "" : sideBar(section, viewer, viewer.csrf)}
<main id="content" tabindex="-1">
${body.content}
</main>
<div id="announcer" class="visually-hidden" role="status" aria-live="polite"></div>
</body>
</html>`;
}

function sideBar(current: Section | null, { theme, path }: Viewer, csrf: string): Html {
  const links = SECTIONS.map(
    ({ section, path: target, name }) =>
      html`<li><a href="${target}"${section === current ? html` aria-current="page"` : ""}>${name}</a></li>`,
  );
  return html`<header class="side">
<a class="brand" href="/"><img src="/assets/icon.svg" alt="" width="28" height="28"> Engram</a>
<nav aria-label="Pages"><ul>${links}</ul></nav>
<div class="side-foot">
<p id="connection" class="connection" hidden><span class="dot" aria-hidden="true"></span><span data-text>Live</span></p>
${postForm("/theme", csrf, html`<input type="hidden" name="theme" value="${NEXT_THEME[theme]}"><input type="hidden" name="back" value="${path}"><button class="quiet" type="submit">Theme: ${theme}</button>`)}
${postForm("/sign-out", csrf, html`<button class="quiet" type="submit">Sign out</button>`)}
</div>
</header>`;
}

/** A form that changes something: it carries the session's own token. */
export function postForm(action: string, csrf: string, fields: Html, name = ""): Html {
  return html`<form method="post" action="${action}"${name === "" ? "" : html` aria-label="${name}"`}><input type="hidden" name="csrf" value="${csrf}">${fields}</form>`;
}

/** A page that asks before anything is done. */
export function confirmation(question: {
  readonly title: string;
  readonly what: Html;
  readonly act: string;
  readonly action: string;
  readonly back: string;
  readonly csrf: string;
  readonly danger?: boolean;
}): Html {
  const { title, what, act, action, back, csrf, danger } = question;
  return html`<div class="narrow"><h1>${title}</h1>
<div class="card stack">${what}
<div class="actions">${postForm(action, csrf, html`<button type="submit" class="${danger ? "danger" : "primary"}">${act}</button>`)}
<a class="button" href="${back}">Keep it as it is</a></div></div></div>`;
}

/** One sentence, and what to do. */
export function notice(kind: "good" | "note" | "warn" | "bad", sentence: unknown, fix?: unknown): Html {
  const words = { good: "In order", note: "Note", warn: "Look", bad: "Failed" };
  return html`<div class="notice ${kind}"><p><strong class="badge ${kind}">${words[kind]}</strong> ${sentence}</p>${
    fix === undefined ? "" : html`<p class="muted">${fix}</p>`
  }</div>`;
}

/** What a page shows where there is nothing yet. */
export function emptyState(title: string, next: unknown): Html {
  return html`<div class="empty"><p class="empty-title">${title}</p><p>${next}</p></div>`;
}
