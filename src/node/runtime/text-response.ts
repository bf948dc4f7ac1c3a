import { getRequestListener } from "@hono/node-server";

const LightResponse = lightResponse();

/**
 * A `Response` of a text. Node's own makes streams, headers and signals for each, which take longer than all else that
 * is done to send a short answer; the HTTP library has a class that makes them only for those who ask.
 */
export function textResponse(text: string, status: number, headers: Readonly<Record<string, string>>): Response {
  return new LightResponse(text, { status, headers: { ...headers } });
}

/** The library hands its class out only by putting it in the place of Node's, for everybody: taken, and put back. */
function lightResponse(): typeof Response {
  const names = ["Request", "Response"] as const;
  const own = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
  getRequestListener(() => Response.error(), { overrideGlobalObjects: true });
  const light = globalThis.Response;
  for (const [at, name] of names.entries()) Object.defineProperty(globalThis, name, own[at] ?? {});
  return light;
}
