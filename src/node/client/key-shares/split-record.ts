import { z } from "zod";
import type { KeyValues } from "../replication/miner-directory.ts";

const recordSchema = z.object({
  epoch: z.int().min(1),
  threshold: z.int(),
  total: z.int(),
  fingerprint: z.string(),
  complete: z.boolean(),
  independent: z.boolean(),
  at: z.number(),
  holders: z.array(z.string()),
  /** Unix milliseconds: since then no miner should have a share. */
  revokedAt: z.number().optional(),
});

/** What this home remembers of its last split of a namespace; written before the first share leaves. */
export type SplitRecord = z.output<typeof recordSchema>;

export async function readSplit(values: KeyValues, wireName: string): Promise<SplitRecord | undefined> {
  const text = await values.read(keyOf(wireName));
  return text ? recordSchema.safeParse(JSON.parse(text)).data : undefined;
}

export async function writeSplit(values: KeyValues, wireName: string, record: SplitRecord): Promise<void> {
  await values.write(keyOf(wireName), JSON.stringify(record));
}

function keyOf(wireName: string): string {
  return `key-split/${wireName}`;
}
