import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import type { Shared } from "./shared.ts";
import { describeFailure } from "./tool-result.ts";

/**
 * Runs what answers a resource, prompt or completion request. Those have no error results, so a failure becomes a
 * JSON-RPC error with the same code, message and fix that a tool would show, and no details of an internal one.
 */
export async function publicFailure<T>(shared: Shared, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const { message, ...data } = describeFailure(error);
    if (data.code !== "INTERNAL") throw new ProtocolError(ProtocolErrorCode.InvalidParams, message, data);
    shared.deps.log.error({ error: error instanceof Error ? error.name : typeof error }, "a request failed inside");
    throw new ProtocolError(ProtocolErrorCode.InternalError, message, data);
  }
}
