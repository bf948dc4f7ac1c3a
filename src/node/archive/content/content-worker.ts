import { parentPort, workerData } from "node:worker_threads";

export interface ContentWork {
  readonly kind: "html" | "pdf";
  readonly bytes: Uint8Array;
}

export interface ReadContent {
  readonly text: string;
  readonly title?: string;
  /** Of a PDF. */
  readonly pages?: number;
}

const MAX_ELEMENTS = 100_000;
const MAX_PAGES = 2_000;

async function readPdf(bytes: Uint8Array): Promise<ReadContent> {
  const { extractText, getDocumentProxy, getMeta } = await import("unpdf");
  const document = await getDocumentProxy(new Uint8Array(bytes));
  if (document.numPages > MAX_PAGES) throw new Error("too many pages");
  const { text, totalPages } = await extractText(document, { mergePages: true });
  const title: unknown = (await getMeta(document)).info["Title"];
  return { text, pages: totalPages, ...(typeof title === "string" && title.trim() !== "" ? { title } : {}) };
}

/** What is used of the library's document; its own types are a browser's. */
interface PageDocument {
  readonly body: PageElement | null;
  readonly documentElement: PageElement | null;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
}

interface PageElement {
  readonly textContent: string | null;
  remove(): void;
}

async function readPage(bytes: Uint8Array): Promise<ReadContent> {
  const [{ parseHTML }, { Readability }] = await Promise.all([import("linkedom"), import("@mozilla/readability")]);
  const html = decode(bytes);
  const parse = () => (parseHTML(html) as unknown as { readonly document: PageDocument }).document;
  // The article is taken out of the document it is found in, so the fallback reads one of its own.
  const article = new Readability(parse() as never, { maxElemsToParse: MAX_ELEMENTS }).parse();
  const document = parse();
  const title = article?.title || document.querySelector("title")?.textContent || "";
  for (const part of document.querySelectorAll("script, style, nav, footer, header, noscript, template")) part.remove();
  const text =
    article?.textContent?.trim() || document.body?.textContent || document.documentElement?.textContent || "";
  return { text, ...(title.trim() === "" ? {} : { title }) };
}

/** By the page's own word for its encoding where it has one that is known, else UTF-8. */
function decode(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 2_048)).toString("latin1");
  const named = /<meta[^>]{1,200}charset\s*=\s*["']?([\w-]{1,40})/i.exec(head)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(named).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

const { kind, bytes } = workerData as ContentWork;
try {
  parentPort?.postMessage(await (kind === "pdf" ? readPdf(bytes) : readPage(bytes)));
} catch {
  parentPort?.postMessage(null);
}
