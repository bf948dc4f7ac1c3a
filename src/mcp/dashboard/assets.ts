import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { textResponse } from "../../node/runtime/text-response.ts";

const require = createRequire(import.meta.url);
/** The package's root is as far from src as from dist; browsers get the files as they lie here, without a build. */
const folder = new URL("../../../src/mcp/dashboard/assets/", import.meta.url);

const FILES: Readonly<Record<string, { readonly path: () => string | URL; readonly type: string }>> = {
  "style.css": { path: () => new URL("style.css", folder), type: "text/css; charset=utf-8" },
  "page.js": { path: () => new URL("page.js", folder), type: "text/javascript; charset=utf-8" },
  "icon.svg": { path: () => new URL("icon.svg", folder), type: "image/svg+xml" },
  "uplot.js": { path: () => require.resolve("uplot/dist/uPlot.iife.min.js"), type: "text/javascript; charset=utf-8" },
  "uplot.css": { path: () => require.resolve("uplot/dist/uPlot.min.css"), type: "text/css; charset=utf-8" },
};

const read = new Map<string, Promise<string>>();

/** The file of that name; undefined when there is none. Nothing else of the disk can be named. */
export async function asset(name: string): Promise<Response | undefined> {
  const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (!file) return undefined;
  const text = read.get(name) ?? readFile(file.path(), "utf8");
  read.set(name, text);
  return textResponse(await text, 200, { "content-type": file.type, "cache-control": "no-cache" });
}
