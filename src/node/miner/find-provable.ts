import type { Hotkey } from "../../crypto/ss58.ts";
import { PUBLIC_NAMESPACE, type StoredRecord } from "../ports.ts";
import type { MinerServices } from "./miner-services.ts";
import { privateRecordsOf } from "./record-owner.ts";

/** The public record, or the caller's own private one: owners audit their records. Anything else is not there (M-W5). */
export async function findProvable(
  services: Pick<MinerServices, "store" | "namespaces">,
  cid: string,
  caller: Hotkey | null,
): Promise<StoredRecord | null> {
  const shown = await services.store.get(PUBLIC_NAMESPACE, cid);
  if (shown || caller === null) return shown;
  const [own] = await privateRecordsOf(services, cid, caller);
  return own ?? null;
}
