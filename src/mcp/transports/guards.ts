/** Which names a request may use for this server: what resolves elsewhere could come from any web page. */
export interface AllowedHosts {
  readonly isHost: (header: string | null) => boolean;
  readonly isOrigin: (header: string | null) => boolean;
}

const loopbackNames = ["127.0.0.1", "localhost", "[::1]"];

/** Loopback names are always allowed; `more` adds the names a person listens on. Ports are not compared. */
export function allowedHosts(more: readonly string[]): AllowedHosts {
  const names = new Set([...loopbackNames, ...more.map((name) => bracketed(name.toLowerCase()))]);
  const isName = (url: URL | null) => url !== null && names.has(url.hostname);
  return {
    isHost: (header) => header !== null && !/[/@?#\s]/.test(header) && isName(URL.parse(`http://${header}`)),
    // Programs send no Origin; a browser always does, and "null" from a sandboxed page.
    isOrigin: (header) => header === null || isName(URL.parse(header)),
  };
}

function bracketed(name: string): string {
  return name.includes(":") && !name.startsWith("[") ? `[${name}]` : name;
}

/** Whether a listener on `hostname` can be reached from this machine alone. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
