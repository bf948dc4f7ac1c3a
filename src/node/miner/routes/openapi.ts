import type { Route } from "../miner-app.ts";
import { replyToError } from "../reply.ts";

/** GET /openapi.json, ours: made at the first question, of the schemas that read the requests. */
export const openApiRoute: Route = async ({ openApi }, _request, { logger }) => {
  try {
    return { status: 200, text: await openApi() };
  } catch (error) {
    return replyToError(error, logger);
  }
};
