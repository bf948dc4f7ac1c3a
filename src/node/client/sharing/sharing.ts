/** What a reader gives an owner to be invited by: nothing in it is secret. */
export interface ReaderAddress {
  readonly address: string;
  readonly hotkey: string;
}

export interface InviteInput {
  readonly namespace: string;
  /** The reader's address, as `engram namespaces request` prints it. */
  readonly to: string;
  /** How long the reader may read at miners; default 90 days. */
  readonly seconds?: number;
}

/** Times are unix milliseconds. */
export interface Invitation {
  readonly namespace: string;
  readonly reader: string;
  readonly grant: string;
  readonly expiresAt: number;
  readonly joinBy: number;
  /** Opens with the reader's wallet alone. It goes to that person, and into no log. */
  readonly code: string;
}

export interface JoinInput {
  readonly code: string;
  /** What the namespace is called here; default: its name at its owner. */
  readonly as?: string;
}

export interface Joined {
  readonly namespace: string;
  readonly owner: string;
  readonly grant: string;
  readonly expiresAt: number;
  /** Memories that are here now; what is new follows by itself. */
  readonly memories: number;
  /** Miners that gave what they hold of it. None: they are asked again until one does. */
  readonly miners: number;
}

/** One grant, as its owner sees it. */
export interface GrantInfo {
  readonly grant: string;
  readonly namespace: string;
  readonly reader: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly state: "valid" | "expired" | "ended";
}

export interface RevokeInput {
  readonly namespace: string;
  /** A reader's hotkey or a grant's id; all readers when absent. */
  readonly reader?: string;
}

export interface Revoked {
  readonly namespace: string;
  readonly epoch: number;
  readonly ended: readonly string[];
  /** Readers who stay: they find their new keys at the miners. */
  readonly readers: number;
  /** Miners that refuse the ended grants from now on. */
  readonly told: readonly string[];
  /** Miners that did not answer: they are told when they do. */
  readonly waiting: readonly string[];
}

export interface Ended {
  /** Those that have nothing of it any more. */
  readonly miners: readonly string[];
  /** Those that did not answer, or cannot end a namespace. */
  readonly waiting: readonly string[];
}

interface Options {
  readonly signal?: AbortSignal;
}

/** Private namespaces that wallets let each other read. */
export interface Sharing {
  address(): Promise<ReaderAddress>;
  /** Errors: `READER_ADDRESS`, `NAMESPACE_UNKNOWN`, `NAMESPACE_READ_ONLY`, `NAMESPACE_NOT_SHARED`, `NO_MINERS`. */
  invite(input: InviteInput, options?: Options): Promise<Invitation>;
  /** May be repeated until it is over. Errors: `INVITATION_INVALID`, `INVITATION_EXPIRED`, `INVITATION_USED`, `NAMESPACE_EXISTS`. */
  join(input: JoinInput, options?: Options): Promise<Joined>;
  grants(): Promise<readonly GrantInfo[]>;
  /** Errors: `NAMESPACE_UNKNOWN`, `GRANT_UNKNOWN`. */
  revoke(input: RevokeInput, options?: Options): Promise<Revoked>;
  /** Takes a shared namespace off this machine. Errors: `NAMESPACE_UNKNOWN`. */
  leave(namespace: string): Promise<void>;
  /** Ends an own namespace at the miners, with every record in it there. Errors: `NAMESPACE_UNKNOWN`, `NAMESPACE_READ_ONLY`. */
  end(namespace: string, options?: Options): Promise<Ended>;
  /** Reads what is new in all shared namespaces, and tells miners of epochs; false when another process is at it. */
  sync(options?: Options): Promise<boolean>;
}
