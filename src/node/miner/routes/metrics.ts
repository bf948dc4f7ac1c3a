import { adminRoute } from "../admin-access.ts";

/** GET /metrics (spec 8.16), for the operator's Prometheus. */
export const metricsRoute = adminRoute(async ({ metrics }) => ({
  status: 200,
  text: await metrics.text(),
  headers: { "content-type": metrics.contentType },
}));
