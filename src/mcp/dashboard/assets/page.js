/* global document, window, location, history, fetch, DOMParser, EventSource, ResizeObserver, AbortController, matchMedia, getComputedStyle, URLSearchParams, uPlot */

/**
 * What a page does beyond showing itself: draws the tables behind plots, takes its parts anew when the server says that
 * something happened, and searches as one types. Without it every page works all the same.
 */

const announcer = document.getElementById("announcer");

/** Says something to those who listen to the page; once, however often it is asked. */
function announce(text) {
  if (announcer && announcer.textContent !== text) announcer.textContent = text;
}

/* Plots */

const drawn = new Map();

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The numbers and texts of the table in a figure. */
function tableOf(figure) {
  const rows = [...figure.querySelectorAll("tbody tr")];
  const cells = rows.map((row) => [...row.children]);
  const columns = cells[0]?.length ?? 0;
  const value = (cell) => (cell.dataset.value === "" ? null : Number(cell.dataset.value));
  const data = Array.from({ length: columns }, (_, column) => cells.map((row) => value(row[column])));
  return { data, texts: cells.map((row) => row.map((cell) => cell.textContent)) };
}

/** `1.2k` for an axis, where there is little room. */
function brief(number) {
  const size = Math.abs(number);
  if (size >= 1e6) return `${+(number / 1e6).toFixed(1)}M`;
  if (size >= 1e4) return `${+(number / 1e3).toFixed(1)}k`;
  return String(+number.toFixed(2));
}

/** Of shares: they are never outside 0 and 1. */
function shareRange(low, high) {
  if (low === null || high === null) return [0, 1];
  const pad = Math.max((high - low) * 0.15, 0.02);
  return [Math.max(0, low - pad), Math.min(1, high + pad)];
}

/** Clock times on an axis, and the day where one begins. */
const CLOCK = [
  [86_400, "{MMM} {D}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{MMM} {D}", null, "\n{MMM} {D}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{MMM} {D}", null, "\n{MMM} {D}", null, null, null, 1],
];

function draw(figure) {
  const canvas = figure.querySelector(".canvas");
  if (!canvas || typeof uPlot === "undefined") return;
  drawn.get(figure)?.destroy();
  const { data, texts } = tableOf(figure);
  const isTime = figure.dataset.along === "time";
  const isShare = figure.dataset.values === "share";
  const named = isShare ? (tick) => `${+(100 * tick).toFixed(1)} %` : brief;
  // uPlot counts time in seconds.
  if (isTime) data[0] = data[0].map((ms) => ms / 1000);
  const shown = [...figure.querySelectorAll(".plot-latest strong")];
  const latest = shown.map((element) => element.textContent);
  const paths = figure.dataset.plot === "step" ? { paths: uPlot.paths.stepped({ align: 1 }) } : {};
  const axis = {
    stroke: colour("--muted"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  const series = shown.map((_, index) => ({
    stroke: colour(`--plot-${index % 6}`),
    width: 2,
    spanGaps: true,
    points: { show: data[0].length < 30, size: 5, fill: colour(`--plot-${index % 6}`) },
    ...paths,
  }));
  const plot = new uPlot(
    {
      width: canvas.clientWidth,
      height: 180,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: { time: isTime }, y: { range: (_, low, high) => (isShare ? shareRange : rangeOf)(low, high) } },
      axes: [isTime ? { ...axis, values: CLOCK } : axis, { ...axis, size: 56, values: (_, ticks) => ticks.map(named) }],
      series: [{}, ...series],
      hooks: {
        setCursor: [
          ({ cursor: { idx } }) => {
            for (const [index, element] of shown.entries()) {
              const row = idx === null || idx === undefined ? undefined : texts[idx];
              element.textContent = row === undefined ? latest[index] : `${row[index + 1]} (${row[0]})`;
            }
          },
        ],
      },
    },
    data,
    canvas,
  );
  drawn.set(figure, plot);
}

/** Never a line that seems to jump because it moved a little: the range is at least a tenth of the height. */
function rangeOf(low, high) {
  if (low === null || high === null) return [0, 1];
  const pad = Math.max((high - low) * 0.1, Math.abs(high) * 0.05, 0.5);
  return [low >= 0 ? Math.max(0, low - pad) : low - pad, high + pad];
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const plot = drawn.get(target.closest("figure"));
    if (plot && target.clientWidth > 0 && plot.width !== target.clientWidth) {
      plot.setSize({ width: target.clientWidth, height: 180 });
    }
  }
});

function drawAll(within) {
  for (const figure of within.querySelectorAll("figure[data-plot]")) {
    draw(figure);
    const canvas = figure.querySelector(".canvas");
    if (canvas) sizes.observe(canvas);
  }
}

/* Parts that are taken anew */

/** A part's markup as the server sent it: what the script drew into it must not count as a change. */
const sent = new WeakMap();

function remember(within) {
  for (const part of within.querySelectorAll("[data-live-part]")) sent.set(part, part.outerHTML);
}

async function fetchPage(address, signal) {
  const response = await fetch(address, { headers: { accept: "text/html" }, credentials: "same-origin", signal });
  if (response.redirected && new URL(response.url).pathname === "/login") {
    location.assign(response.url);
    return undefined;
  }
  // A document of its own: nothing in it runs.
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

function replacePart(part, fresh) {
  const open = [...part.querySelectorAll("details[open]")].map(({ id }) => id);
  for (const figure of part.querySelectorAll("figure[data-plot]")) {
    drawn.get(figure)?.destroy();
    drawn.delete(figure);
  }
  const next = document.importNode(fresh, true);
  for (const id of open) next.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  sent.set(next, fresh.outerHTML);
  part.replaceWith(next);
  drawAll(next);
}

/** Takes every part anew that changed, but for the one somebody works in. */
async function refresh() {
  const fresh = await fetchPage(location.href);
  if (!fresh) return;
  for (const part of document.querySelectorAll("[data-live-part]")) {
    const next = fresh.getElementById(part.id);
    if (!next || next.outerHTML === sent.get(part) || part.contains(document.activeElement)) continue;
    replacePart(part, next);
  }
}

function follow() {
  const line = document.getElementById("connection");
  if (!line) return;
  const text = line.querySelector("[data-text]");
  const events = new EventSource("/events");
  let lost = false;
  let busy = false;
  const say = (words, isLost) => {
    line.hidden = false;
    line.classList.toggle("lost", isLost);
    text.textContent = words;
    if (lost !== isLost) announce(isLost ? "The connection to Engram was lost" : "The connection to Engram is back");
    lost = isLost;
  };
  events.addEventListener("open", () => say("Live", false));
  events.addEventListener("error", () => say("Reconnecting…", true));
  events.addEventListener("look", async () => {
    if (busy || document.visibilityState === "hidden") return;
    busy = true;
    await refresh().catch(() => undefined);
    busy = false;
  });
  window.addEventListener("pagehide", () => events.close());
}

/* Search as one types */

const PAUSE_MS = 200;

function searchAsTyped(form) {
  let asking;
  let timer;
  const search = async () => {
    asking?.abort();
    asking = new AbortController();
    const words = new URLSearchParams(new FormData(form));
    const address = `${form.getAttribute("action")}?${words}`;
    try {
      const fresh = await fetchPage(address, asking.signal);
      const results = fresh?.getElementById("results");
      if (!results) return;
      document.getElementById("results").replaceWith(document.importNode(results, true));
      document.title = fresh.title;
      history.replaceState(null, "", address);
      announce(results.querySelector("[data-announce]")?.textContent ?? "");
    } catch (error) {
      if (error.name !== "AbortError") announce("The search failed");
    }
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE_MS);
  };
  form.addEventListener("input", soon);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    void search();
  });
}

remember(document);
drawAll(document);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
for (const form of document.querySelectorAll("form[data-search]")) searchAsTyped(form);
if (document.body.hasAttribute("data-live")) follow();
