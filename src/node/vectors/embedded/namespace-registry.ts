import type { Hotkey } from "../../../crypto/ss58.ts";
import type { StoreWorker } from "../../runtime/store-worker.ts";
import type { RegistryOperations } from "./registry-operations.ts";

/** Whose namespace it is by a claim. Null: one of the old scheme, which has a key in place of an owner (spec 6.4). */
export interface ClaimOutcome {
  readonly owner: Hotkey | null;
  /** Whether this claim took it. */
  readonly created: boolean;
}

/** An owner's signed word that a namespace is theirs (spec 6.5). */
export interface Attestation {
  readonly owner: Hotkey;
  /** Unix milliseconds. */
  readonly attestedAt: number;
}

/** The owner's word on who may read a namespace from now on. */
export interface NewEpoch {
  readonly name: string;
  readonly owner: Hotkey;
  readonly epoch: number;
  /** For each reader who stays, what is sealed to them; undefined leaves those of this epoch as they are. */
  readonly letters: readonly { readonly reader: Hotkey; readonly sealed: string }[] | undefined;
}

/** `older`: a newer epoch has begun; `unknown`: no such namespace of this owner. */
export type EpochOutcome = "begun" | "older" | "unknown";

export interface Letter {
  readonly epoch: number;
  readonly sealed: string;
}

/**
 * Who owns which namespace (spec 6.4). It fails closed: an owner that cannot be read is an error, never "nobody", so
 * that a broken file lets no one take a namespace over. The name of a deleted namespace stays taken for ever: its last
 * owner alone may claim it again.
 */
export interface NamespaceRegistry {
  /** The first claim makes the owner; `created` tells whether this one did. Compare `owner` with the claimant. */
  claimNamespace(name: string, hotkey: Hotkey, now: number): Promise<ClaimOutcome>;
  /** Null when nobody owns it (any more). */
  ownerOf(name: string): Promise<Hotkey | null>;
  /**
   * Of `owner`'s own namespaces those that hold `cid`, at most 100. Others that hold it cost nothing: anybody may put one
   * record into thousands of namespaces.
   */
  ownedHolding(cid: string, owner: Hotkey): Promise<readonly string[]>;
  /** Hands it from one owner to the next; what the old one attested is void. False when `from` does not own it. */
  changeOwner(name: string, from: Hotkey, to: Hotkey): Promise<boolean>;
  /** Ends an owned namespace and every record in it, whose bytes are gone then. False when `owner` does not own it. */
  deleteOwned(name: string, owner: Hotkey, now: number): Promise<boolean>;
  /** Begins an epoch, or says the present one's letters anew: those before are gone. Epochs never go back. */
  beginEpoch(epoch: NewEpoch): Promise<EpochOutcome>;
  /** Of its present owner; 0 where none was begun. */
  epochOf(name: string): Promise<number>;
  letterFor(name: string, reader: Hotkey): Promise<Letter | null>;
  attest(name: string, owner: Hotkey, now: number): Promise<void>;
  /** Null when its present owner never attested it. */
  attestationOf(name: string): Promise<Attestation | null>;
  /** Registers a namespace of the old scheme by its verifier, never its key (M-W4). False when the name is taken. */
  createKeyed(name: string, verifier: Uint8Array, now: number): Promise<boolean>;
  verifierOf(name: string): Promise<Uint8Array | null>;
  /** Both false when it is no namespace of the old scheme; check the key before. */
  replaceVerifier(name: string, verifier: Uint8Array): Promise<boolean>;
  deleteKeyed(name: string, now: number): Promise<boolean>;
  /** Names in use after `after`, in order. */
  names(after: string, limit: number): Promise<readonly string[]>;
}

/** The registry in the file of a store worker that has `createRegistryOperations` among its operations. */
export class StoredNamespaceRegistry implements NamespaceRegistry {
  readonly #worker: Pick<StoreWorker<RegistryOperations>, "call">;

  constructor(worker: Pick<StoreWorker<RegistryOperations>, "call">) {
    this.#worker = worker;
  }

  async claimNamespace(name: string, hotkey: Hotkey, now: number): Promise<ClaimOutcome> {
    return await this.#worker.call("claimNamespace", { name, hotkey, now });
  }

  async ownerOf(name: string): Promise<Hotkey | null> {
    return await this.#worker.call("ownerOf", { name });
  }

  async ownedHolding(cid: string, owner: Hotkey): Promise<readonly string[]> {
    return await this.#worker.call("ownedHolding", { cid, owner });
  }

  async changeOwner(name: string, from: Hotkey, to: Hotkey): Promise<boolean> {
    return await this.#worker.call("changeOwner", { name, from, to });
  }

  async deleteOwned(name: string, owner: Hotkey, now: number): Promise<boolean> {
    return await this.#worker.call("deleteOwned", { name, owner, now });
  }

  async beginEpoch(epoch: NewEpoch): Promise<EpochOutcome> {
    return await this.#worker.call("beginEpoch", epoch);
  }

  async epochOf(name: string): Promise<number> {
    return await this.#worker.call("epochOf", { name });
  }

  async letterFor(name: string, reader: Hotkey): Promise<Letter | null> {
    return await this.#worker.call("letterFor", { name, reader });
  }

  async attest(name: string, owner: Hotkey, now: number): Promise<void> {
    await this.#worker.call("attest", { name, hotkey: owner, now });
  }

  async attestationOf(name: string): Promise<Attestation | null> {
    return await this.#worker.call("attestationOf", { name });
  }

  async createKeyed(name: string, verifier: Uint8Array, now: number): Promise<boolean> {
    return await this.#worker.call("createKeyed", { name, verifier, now });
  }

  async verifierOf(name: string): Promise<Uint8Array | null> {
    return await this.#worker.call("verifierOf", { name });
  }

  async replaceVerifier(name: string, verifier: Uint8Array): Promise<boolean> {
    return await this.#worker.call("replaceVerifier", { name, verifier });
  }

  async deleteKeyed(name: string, now: number): Promise<boolean> {
    return await this.#worker.call("deleteKeyed", { name, now });
  }

  async names(after: string, limit: number): Promise<readonly string[]> {
    return await this.#worker.call("namespaceNames", { after, limit });
  }
}
