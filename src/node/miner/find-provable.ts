import type { Hotkey } from "../../crypto/ss58.ts";
import { PUBLIC_NAMESPACE, type StoredRecord } from "../ports.ts";
import type { MinerServices } from "./miner-services.ts";

/** The public record, or the caller's own private one: owners audit their records. Anything else is not there (M-W5). */
export async function findProvable(
  { store, namespaces }: Pick<MinerServices, "store" | "namespaces">,
  cid: string,
  caller: Hotkey | null,
): Promise<StoredRecord | null> {
  const records = await store.locate(cid);
  const shown = records.find(({ namespace }) => namespace === PUBLIC_NAMESPACE);
  if (shown) return shown;
  for (const record of caller === null ? [] : records) {
    if ((await namespaces.ownerOf(record.namespace)) === caller) return record;
  }
  return null;
}
