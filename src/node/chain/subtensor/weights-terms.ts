import { z } from "zod";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { WeightsTerms } from "../../ports.ts";
import { wholeNumber } from "./axon.ts";
import type { ChainReader, StateAt } from "./chain-reader.ts";
import { readHyperparameters } from "./hyperparameters.ts";
import { parse } from "./subnet-state.ts";

const facts = z.object({ uid: z.int().nullable(), lastUpdate: z.array(wholeNumber.transform(Number)) });

/** As `ChainClient.weightsTerms`. The chain counts a registration as a first row. */
export async function readWeightsTerms(
  reader: ChainReader,
  state: StateAt,
  netuid: number,
  hotkey: Hotkey,
): Promise<WeightsTerms> {
  const { tempo, weightsRateLimit, commitReveal } = await readHyperparameters(reader, state, netuid);
  const [uid, lastUpdate] = await reader.read(state, [
    ["subtensorModule.uids", netuid, hotkey],
    ["subtensorModule.lastUpdate", netuid],
  ]);
  const found = parse(facts, { uid, lastUpdate });
  const last = found.uid === null ? 0 : (found.lastUpdate[found.uid] ?? 0);
  return { head: state.block.number, tempo, rateLimit: weightsRateLimit, lastSet: last || null, commitReveal };
}
