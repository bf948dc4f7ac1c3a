import { httpTranscript, sdkRequests } from "./check-miner-http.ts";
import { bodyMapping, rateLimiter } from "./check-miner-mapping.ts";

/** What the miner's routes verify. */
export const minerKinds = {
  body_mapping: bodyMapping,
  http_transcript: httpTranscript,
  rate_limiter: rateLimiter,
  sdk_requests: sdkRequests,
};
