import type { RecordPage } from "../ports.ts";
import { referenceFilter } from "../protocol/filter.ts";
import { listText as arrayText, objectText, recordText, valueText } from "../protocol/reply-text.ts";
import type { ListRequest } from "../protocol/requests.ts";
import type { MinerServices } from "./miner-services.ts";

type Services = Pick<MinerServices, "store" | "clock">;

/** The reply to a list request about a namespace that was opened to its sender (spec 8.7). */
export async function listText(services: Services, request: ListRequest, namespace: string): Promise<string> {
  const { records, next } = await page(services, request, namespace);
  return objectText({
    records: arrayText(records.map(recordText)),
    count: String(records.length),
    offset: String(request.offset),
    limit: String(request.limit),
    ...(next === null ? {} : { next: valueText(next) }),
  });
}

async function page({ store, clock }: Services, request: ListRequest, namespace: string): Promise<RecordPage> {
  const { limit, offset, after, filter } = request;
  const pairs = filter ? referenceFilter(filter) : null;
  if (limit === 0) return { records: [], next: null, last: null };
  return store.list({
    namespace,
    limit,
    offset,
    now: clock.now(),
    ...(after === undefined ? {} : { after }),
    ...(pairs ? { filter: pairs } : {}),
  });
}
