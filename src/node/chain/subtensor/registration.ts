import { EngramError } from "../../../crypto/errors.ts";
import { decodeHotkey, type Hotkey } from "../../../crypto/ss58.ts";
import type { ChainSigner } from "../../ports.ts";
import { noAddress } from "../local/apply-call.ts";
import type { SignerOf } from "../local/http-local-chain.ts";
import type { ChainReader, StateAt } from "./chain-reader.ts";
import type { ExtrinsicSubmitter } from "./extrinsic-submitter.ts";
import { readHyperparameters } from "./hyperparameters.ts";
import { ChainRefusal, isRefusal } from "./refusals.ts";
import { RAO_PER_TAO, readUid } from "./subnet-state.ts";

interface Deps {
  readonly netuid: number;
  readonly reader: ChainReader;
  readonly submitter: ExtrinsicSubmitter;
  readonly signerOf: SignerOf;
  /** Most that a registration may cost. */
  readonly maxRegistrationTao: number;
}

/**
 * Registers the hotkey and returns its uid, at once when it has one. The coldkey signs and pays. Errors:
 * `CHAIN_KEY_INVALID`, `CHAIN_COLDKEY`, `CHAIN_PRICE`, `CHAIN_KEY_MISSING`, those of `ExtrinsicSubmitter`.
 */
export async function registerHotkey(deps: Deps, hotkey: Hotkey, coldkey: Hotkey): Promise<number> {
  const { netuid, reader, signerOf, submitter } = deps;
  if (!decodeHotkey(hotkey) || !decodeHotkey(coldkey)) throw noAddress();
  const state = await reader.stateAtHead();
  const known = await readUid(reader, state, netuid, hotkey);
  if (known !== null) return await ofSameColdkey(reader, state, known, { hotkey, coldkey });
  const limitPrice = await affordable(deps, state);
  const signer = await signerOf(coldkey);
  if (signer?.hotkey !== coldkey) throw coldkeyMissing(netuid);
  try {
    const { block, name } = await pay(submitter, signer, state, { netuid, hotkey, limitPrice });
    const uid = await readUid(reader, await reader.state(block), netuid, hotkey);
    if (uid !== null) return uid;
    throw new ChainRefusal(`${name} registered nobody`);
  } catch (error) {
    // Somebody else paid for it meanwhile.
    if (!isRefusal(error, "HotKeyAlreadyRegisteredInSubNet")) throw error;
    const uid = await readUid(reader, await reader.stateAtHead(), netuid, hotkey);
    if (uid === null) throw error;
    return uid;
  }
}

interface Payment {
  readonly netuid: number;
  readonly hotkey: Hotkey;
  readonly limitPrice: bigint;
}

/** Where the runtime can, the cap is its own and holds in the block that takes the money. */
async function pay(submitter: ExtrinsicSubmitter, signer: ChainSigner, { runtime }: StateAt, args: Payment) {
  const name = runtime.hasCall("subtensorModule", "registerLimit") ? "registerLimit" : "burnedRegister";
  const block = await submitter.submit(signer, { pallet: "subtensorModule", name, args: { ...args } });
  return { block, name };
}

/** The cap in rao. Throws `CHAIN_PRICE` where a registration costs more now. */
async function affordable({ netuid, reader, maxRegistrationTao }: Deps, state: StateAt): Promise<bigint> {
  const { burnRao, burnTao, registrationAllowed } = await readHyperparameters(reader, state, netuid);
  if (!registrationAllowed) throw new ChainRefusal("SubNetRegistrationDisabled");
  const cap = BigInt(Math.floor(maxRegistrationTao * Number(RAO_PER_TAO)));
  if (burnRao <= cap) return cap;
  throw new EngramError(
    "CHAIN_PRICE",
    `a registration costs ${burnTao} TAO now, and ${maxRegistrationTao} TAO are allowed`,
    { fix: "allow that price, or wait until it has fallen" },
  );
}

async function ofSameColdkey(
  reader: ChainReader,
  state: StateAt,
  uid: number,
  { hotkey, coldkey }: { readonly hotkey: Hotkey; readonly coldkey: Hotkey },
): Promise<number> {
  const [owner] = await reader.read(state, [["subtensorModule.owner", hotkey]]);
  if (owner === coldkey) return uid;
  throw new EngramError("CHAIN_COLDKEY", "this hotkey is registered under another coldkey", {
    fix: "use the coldkey it was registered with, or another hotkey",
  });
}

function coldkeyMissing(netuid: number): EngramError {
  return new EngramError("CHAIN_KEY_MISSING", "this process does not hold the coldkey that would have to pay", {
    fix: `register it where the coldkey is: btcli subnet register --netuid ${netuid}`,
  });
}
