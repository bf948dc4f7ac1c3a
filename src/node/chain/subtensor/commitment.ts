import { z } from "zod";
import { fromHex, toHex } from "../../../crypto/hex.ts";
import { decodeHotkey, type Hotkey } from "../../../crypto/ss58.ts";
import type { ChainReader, StateAt } from "./chain-reader.ts";
import { parse } from "./subnet-state.ts";

/** Fields are `{raw44: "0x…"}` or another form of which only the raw ones are bytes of ours. */
const registration = z.object({ info: z.object({ fields: z.array(z.unknown()) }) });
const raw = z.record(z.string().regex(/^raw\d{1,3}$/i), z.string());

/** The argument of `set_commitment` that publishes `bytes`. */
export function commitmentInfo(bytes: Uint8Array): object {
  return { fields: [{ [`Raw${bytes.length}`]: `0x${toHex(bytes)}` }] };
}

/** What a hotkey committed to; null where it committed to nothing, or not to plain bytes. */
export async function readCommitment(
  reader: ChainReader,
  state: StateAt,
  netuid: number,
  hotkey: Hotkey,
): Promise<Uint8Array | null> {
  if (!decodeHotkey(hotkey)) return null;
  const [stored] = await reader.read(state, [["commitments.commitmentOf", netuid, hotkey]]);
  const found = parse(registration.nullish(), stored);
  const field = raw.safeParse(found?.info.fields[0]);
  const [hex] = field.success ? Object.values(field.data) : [];
  return hex === undefined ? null : (fromHex(hex) ?? null);
}
