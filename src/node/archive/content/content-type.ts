import { extname } from "node:path";
import { EngramError } from "../../../crypto/errors.ts";

type ContentKind = "text" | "html" | "pdf" | "image";

export interface ContentType {
  readonly kind: ContentKind;
  readonly mime: string;
}

/** Beginnings that name their format; what a server or a file's name says counts for the rest only. */
const SIGNATURES: readonly (readonly [test: (head: string) => boolean, type: ContentType])[] = [
  [(head) => head.startsWith("%PDF-"), { kind: "pdf", mime: "application/pdf" }],
  [(head) => head.startsWith("\x89PNG\r\n\x1a\n"), { kind: "image", mime: "image/png" }],
  [(head) => head.startsWith("\xff\xd8\xff"), { kind: "image", mime: "image/jpeg" }],
  [(head) => /^GIF8[79]a/.test(head), { kind: "image", mime: "image/gif" }],
  [(head) => head.startsWith("RIFF") && head.slice(8, 12) === "WEBP", { kind: "image", mime: "image/webp" }],
  [
    (head) => /^\s*(<!--[\s\S]{0,500}?-->\s*)?<(!doctype\s+html|html|head|body)\b/i.test(head),
    { kind: "html", mime: "text/html" },
  ],
];

const BY_EXTENSION: Readonly<Record<string, ContentType>> = {
  ".html": { kind: "html", mime: "text/html" },
  ".htm": { kind: "html", mime: "text/html" },
  ".md": { kind: "text", mime: "text/markdown" },
  ".markdown": { kind: "text", mime: "text/markdown" },
};

/**
 * What `bytes` are, by their beginning, else by what was declared or by the name, else plain text when they are text.
 * Errors: `CONTENT_UNSUPPORTED`.
 */
export function contentTypeOf(
  bytes: Uint8Array,
  hints: { readonly name?: string | undefined; readonly declared?: string | undefined },
): ContentType {
  const head = Buffer.from(bytes.subarray(0, 1_024)).toString("latin1");
  const known = SIGNATURES.find(([test]) => test(head.replace(/^\xef\xbb\xbf/, "")));
  if (known) return known[1];
  if (!isText(bytes)) throw unsupported();
  if (hints.declared === "text/html" || hints.declared === "application/xhtml+xml") {
    return { kind: "html", mime: "text/html" };
  }
  return BY_EXTENSION[extname(hints.name ?? "").toLowerCase()] ?? { kind: "text", mime: "text/plain" };
}

function isText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function unsupported(): EngramError {
  return new EngramError("CONTENT_UNSUPPORTED", "this is neither text, a page, a PDF nor an image that is known here", {
    fix: "give text, Markdown, HTML, PDF, PNG, JPEG, GIF or WebP",
  });
}
