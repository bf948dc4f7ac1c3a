import type { Memory } from "../memory.ts";

/** What to split, and among whom. */
export interface SplitInput {
  /** The shown name; default `main`. */
  readonly namespace?: string | undefined;
  /** How many shares give the key back; default: more than half of the holders, never 1. */
  readonly threshold?: number | undefined;
  /** Hotkeys of the miners that get a share each; default: every known miner with `keyshare2`. */
  readonly holders?: readonly string[] | undefined;
}

interface SplitFacts {
  /** The name that miners see. */
  readonly wireName: string;
  /** Of the namespace's public key: two people compare keys by it. */
  readonly fingerprint: string;
  readonly epoch: number;
  readonly threshold: number;
  readonly total: number;
}

export interface SplitResult extends SplitFacts {
  readonly namespace: string;
  /** Holders that confirmed their share. */
  readonly stored: number;
  /** All did, and the shares of earlier splits are dropped. Split again otherwise. */
  readonly complete: boolean;
  /** False when holders may belong to one person or stand in one place; `why` says so. */
  readonly independent: boolean;
  readonly why?: string;
  readonly holders: readonly { readonly hotkey: string; readonly stored: boolean; readonly problem?: string }[];
}

export interface RecoverInput {
  /** The shown name; or `wireName` when it was forgotten. Default `main`. */
  readonly namespace?: string | undefined;
  readonly wireName?: string | undefined;
  /** Whose namespace it is; only the wallet's own hotkey gets shares from miners. */
  readonly owner?: string | undefined;
}

/** `lied`: what the miner sent is not what the owner made. */
export type HolderAnswer = "share" | "none" | "refused" | "lied" | "unreachable";

export interface RecoverResult extends SplitFacts {
  /** Shares that matched the owner's manifest. */
  readonly valid: number;
  /** `held`: the wallet gives the same key. `saved`: it lies in `file` now, readable by its owner alone. */
  readonly key: "held" | "saved";
  readonly file?: string;
  readonly holders: readonly { readonly hotkey: string; readonly answer: HolderAnswer }[];
}

/** The last split of a namespace as this home knows it. */
export interface SplitStatus {
  readonly namespace: string;
  /** Null: never split from here. */
  readonly split:
    | (Omit<SplitFacts, "wireName"> & {
        readonly complete: boolean;
        readonly independent: boolean;
        /** Unix milliseconds. */
        readonly at: number;
        readonly holders: readonly string[];
        readonly revokedAt?: number | undefined;
      })
    | null;
}

export interface RevokeResult {
  readonly namespace: string;
  readonly wireName: string;
  /** Shares of older epochs are taken by none of those that confirmed. */
  readonly epoch: number;
  /** Every holder of the last split confirmed. */
  readonly complete: boolean;
  readonly holders: readonly { readonly hotkey: string; readonly revoked: boolean; readonly problem?: string }[];
}

/** What miners hold of a key just now; nothing is rebuilt. */
export interface SharesShown {
  readonly namespace: string;
  readonly wireName: string;
  /** The newest split of which there is a valid share; null: none. */
  readonly split: (Omit<SplitFacts, "wireName"> & { readonly valid: number; readonly recoverable: boolean }) | null;
  readonly holders: readonly { readonly hotkey: string; readonly answer: HolderAnswer }[];
}

interface KeyShareOptions {
  readonly signal?: AbortSignal;
}

/**
 * Shares of namespace keys at miners: a second way to one namespace, no backup of the wallet, and any `threshold`
 * holders together can read it. Nothing of a secret is in arguments or results.
 */
export interface KeyShares {
  /**
   * Errors: `NAMESPACE_UNKNOWN`, `PUBLIC_NAMESPACE`, `NO_MINERS`, `HOLDER_UNSUITABLE`, `THRESHOLD_INVALID`,
   * `KEY_SPLIT_BUSY`, and `KEY_SPLIT_INCOMPLETE` when too few holders confirmed: earlier shares are kept then.
   */
  split(input: SplitInput, options?: KeyShareOptions): Promise<SplitResult>;
  /** Errors: `KEY_SHARES_TOO_FEW`, `KEY_DIFFERS` (nothing is overwritten), `KEY_OWNER`, `NO_MINERS`. */
  recover(input: RecoverInput, options?: KeyShareOptions): Promise<RecoverResult>;
  /**
   * New shares of the same key in a new epoch, to the former holders that are there and others in place of those that
   * are not; older shares are dropped. Errors: those of `split`, and `KEY_NEVER_SPLIT`.
   */
  refresh(input: SplitInput, options?: KeyShareOptions): Promise<SplitResult>;
  /**
   * Tells every holder to drop its share, and to take none of this or an older epoch again. Whoever already put the
   * shares together keeps the key. Errors: `NAMESPACE_UNKNOWN`, `PUBLIC_NAMESPACE`, `NO_MINERS`, `KEY_SPLIT_BUSY`.
   */
  revoke(input: Pick<SplitInput, "namespace">, options?: KeyShareOptions): Promise<RevokeResult>;
  /** Errors: `NAMESPACE_UNKNOWN`, `PUBLIC_NAMESPACE`, `NO_MINERS`. */
  show(input: Pick<SplitInput, "namespace">, options?: KeyShareOptions): Promise<SharesShown>;
  /**
   * The memories that a recovered key of this home opens at the miners, oldest first; for reading alone. Errors:
   * `KEY_NOT_SAVED`.
   */
  read(input: { readonly wireName: string }, options?: KeyShareOptions): Promise<readonly Memory[]>;
  status(): Promise<readonly SplitStatus[]>;
}
