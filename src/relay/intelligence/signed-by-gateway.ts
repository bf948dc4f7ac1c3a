import type { Hotkey } from "../../crypto/ss58.ts";
import { GatewayKeys } from "../gateway-keys.ts";
import { type Receipt, verifyReceipt } from "../receipt.ts";
import { type Checkpoint, verifyCheckpoint, verifySuccessions } from "../signed-statement.ts";
import type { GatewayConnection } from "./gateway-connection.ts";
import { ItemRefusal } from "./item-refusal.ts";

/** What the gateway signed, by the pinned key or by those it vouches for: changes of key are followed, no others. */
export class SignedByGateway {
  readonly #pinned: Hotkey;
  readonly #gateway: GatewayConnection;
  #keys: GatewayKeys;
  #asked = false;

  constructor(pinned: Hotkey, gateway: GatewayConnection) {
    this.#pinned = pinned;
    this.#gateway = gateway;
    this.#keys = new GatewayKeys(pinned);
  }

  /** A receipt about `id`, with the keys it was judged by. Throws `ItemRefusal`, and `RECEIPT_INVALID`. */
  async receipt(value: unknown, id: string, signal: AbortSignal): Promise<{ receipt: Receipt; keys: GatewayKeys }> {
    const { gateway_seq: seq, gateway_hotkey: claimed } = (value ?? {}) as Partial<Receipt>;
    if (!this.#asked || claimed !== this.#signerOf(seq)) await this.#learn(signal);
    const signer = this.#signerOf(seq);
    if (signer === null) throw new ItemRefusal("receipt_invalid");
    return { receipt: await verifyReceipt(value, signer, id), keys: this.#keys };
  }

  /** The gateway's checkpoint; null where it shows none. Throws `ItemRefusal` for one that is forged. */
  async checkpoint(signal: AbortSignal): Promise<Checkpoint | null> {
    const value = await this.#gateway.checkpoint(signal);
    if (value === undefined) return null;
    if ((value as Partial<Checkpoint>).gateway_hotkey !== this.#keys.newest) await this.#learn(signal);
    return await verifyCheckpoint(value, this.#keys.newest);
  }

  #signerOf(seq: number | undefined): Hotkey | null {
    return typeof seq === "number" ? this.#keys.signerOf(seq) : this.#pinned;
  }

  async #learn(signal: AbortSignal): Promise<void> {
    const successions = await verifySuccessions(await this.#gateway.successions(signal));
    this.#asked = true;
    const learnt = new GatewayKeys(this.#pinned, successions ?? []);
    // What was learnt once is not unlearnt by a gateway that shows less.
    if (!learnt.isBare) this.#keys = learnt;
  }
}
