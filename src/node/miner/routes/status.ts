import type { Route } from "../miner-app.ts";
import { replyToError } from "../reply.ts";

/** GET /health (spec 8.16), with signed capabilities. */
export const healthRoute: Route = async (services, _request, { logger }) => {
  try {
    return { status: 200, text: await services.health.replyText() };
  } catch (error) {
    return replyToError(error, logger);
  }
};

/** GET /stats (spec 8.16). */
export const statsRoute: Route = async (services, _request, { logger }) => {
  try {
    return { status: 200, text: await services.stats.replyText() };
  } catch (error) {
    return replyToError(error, logger);
  }
};
