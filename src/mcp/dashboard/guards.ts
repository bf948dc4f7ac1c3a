import type { Session } from "./sign-in.ts";
import { sameText } from "./sign-in.ts";

/**
 * No script, style, frame or request that this server does not serve itself: text that got through as markup could
 * still do nothing (CSP 3). The rest keeps the page out of frames, its address out of other sites' logs, and its content out of caches.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  // Not "no-referrer": browsers would then send forms without their origin, which `isOwnPage` asks for.
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "cache-control": "no-store",
};

/** A form as it was sent. */
export type Fields = URLSearchParams;

const MAX_FORM_BYTES = 16 * 1024;

/** The fields of a form; null when it is none, or larger than any of ours. */
export async function readForm(request: Request): Promise<Fields | null> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers.get("content-type") ?? "")) return null;
  if (Number(request.headers.get("content-length") ?? 0) > MAX_FORM_BYTES) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_FORM_BYTES) return null;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}

/**
 * Whether a request that changes something comes from this very page: another port of this machine is another site
 * here, although a browser sends it the same cookies.
 */
export function isOwnPage(headers: Headers): boolean {
  const origin = URL.parse(headers.get("origin") ?? "");
  const fetchedFrom = headers.get("sec-fetch-site");
  return origin?.host === headers.get("host")?.toLowerCase() && (fetchedFrom ?? "same-origin") === "same-origin";
}

export function carriesToken(fields: Fields, { csrf }: Session): boolean {
  return sameText(fields.get("csrf") ?? "", csrf);
}
