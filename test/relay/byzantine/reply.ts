import type { HttpReply } from "../../../src/node/runtime/http-client.ts";

export function reply(status: number, said: object): HttpReply {
  return { status, text: JSON.stringify(said), headers: new Headers(), elapsedMs: 0 };
}
