import { cidMatches } from "../../../crypto/cid.ts";
import { isEngramError } from "../../../crypto/errors.ts";
import { isSubnetObject } from "../../../crypto/subnet-json.ts";
import { writePythonDefault } from "../../../crypto/subnet-json-writer.ts";
import type { ServingMiner } from "../../chain/serving-miners.ts";
import { copyMessageText } from "../../protocol/copy-message.ts";
import type { PossessionCaller } from "../../protocol/possession-caller.ts";
import { type CapabilityDeps, capabilitiesOf } from "../miner-capabilities.ts";
import { MinerProbe } from "../miner-probe.ts";
import { callMiner, fetchContent } from "./fetch-content.ts";
import { type RepairableRecord, repairable } from "./repairable.ts";

export interface HolderDeps extends CapabilityDeps {
  readonly possession: PossessionCaller;
}

/** How long one call may take; the reference waits 30 s (spec 2.2) and does nothing else meanwhile. */
const CALL_MS = 10_000;
const LOOK_MS = 5_000;
const MAX_HEALTH_BYTES = 65_536;
const MAX_REPLY_BYTES = 16_384;

/**
 * Fetches, brings and checks copies at one miner, for one sweep. Every call is signed anew and has a deadline; what is not
 * answered, or not as it should be, costs nothing but the copy, and a miner that does not answer at all is asked once.
 * Nothing is held against a miner while the validator stops.
 */
export class HolderCalls {
  readonly #deps: HolderDeps;
  readonly #miner: ServingMiner;
  #caps: Promise<readonly string[] | null> | undefined;

  constructor(deps: HolderDeps, miner: ServingMiner) {
    this.#deps = deps;
    this.#miner = miner;
  }

  /** The record as this miner has it (spec 8.4), when it is what its CID says (V-W27). */
  async fetch(cid: string): Promise<RepairableRecord | null> {
    if ((await this.#look()) === null) return null;
    const content = await fetchContent(this.#deps, this.#miner.url, { cid, deadlineMs: CALL_MS });
    return content && repairable(cid, content);
  }

  /** Whether the miner says that it stores the record now, under its own CID and no other (V-W27). */
  async bring(record: RepairableRecord, expiresAt: number | null): Promise<boolean> {
    const message = copyMessageText({ ...record, metadata: writePythonDefault(record.metadata), expiresAt });
    if ((await this.#look()) === null) return false;
    const call = { endpoint: "IngestSynapse", bodyText: message, deadlineMs: CALL_MS, maxBytes: MAX_REPLY_BYTES };
    const body = await callMiner(this.#deps, this.#miner.url, call);
    const cid = isSubnetObject(body) ? body.get("cid") : undefined;
    return typeof cid === "string" && cidMatches(cid, record);
  }

  /** Whether the miner proves that it holds the record: in all its bytes where it promised `proof2` (F5). */
  async proves(record: RepairableRecord): Promise<boolean> {
    const { possession, http, signal } = this.#deps;
    const { hotkey, url } = this.#miner;
    const caps = await this.#look();
    if (caps === null) return false;
    if (!caps.includes("proof2")) return await new MinerProbe(this.#deps, url).challenge(record);
    try {
      const limits = { deadlineMs: CALL_MS, signal };
      const [verdict] = await possession.challenge(http, { hotkey, url }, [record], limits);
      return verdict === "held";
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }

  /** What the miner promised; null when it does not answer. */
  #look(): Promise<readonly string[] | null> {
    this.#caps ??= this.#reach();
    return this.#caps;
  }

  async #reach(): Promise<readonly string[] | null> {
    const { http, signal } = this.#deps;
    const { url } = this.#miner;
    try {
      await http.get(`${url}/health`, { deadlineMs: LOOK_MS, maxBytes: MAX_HEALTH_BYTES, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!isEngramError(error, "HTTP_TOO_LARGE")) return null;
    }
    return await capabilitiesOf(this.#deps, { ...this.#miner, endpoint: url });
  }
}
