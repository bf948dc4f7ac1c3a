import type { MemoryClient } from "../../node/client/memory.ts";
import type { ChainClient } from "../../node/ports.ts";
import type { ValidatorStore } from "../../node/validator/store/validator-store.ts";
import type { RelayBooks } from "../../relay/relay-books.ts";
import type { IntelligenceFeed } from "../intelligence-feed.ts";

/** A folder whose owner relays: this home's agents, or a validator below it. */
export interface NodeFolder {
  /** In addresses: `agent`, `validator`, `validator-1`. */
  readonly name: string;
  readonly folder: string;
}

/** A process of the subnet that this dashboard belongs to. */
export interface ShownProcess {
  readonly name: string;
  readonly state: string;
  readonly pid: number | null;
  readonly url: string | null;
}

/** What the dashboard shows, opened by the first page that asks for it. */
export interface DashboardSources {
  readonly memory: () => Promise<MemoryClient>;
  /** Undefined where no subnet is named and none runs. */
  readonly chain: () => Promise<ChainClient | undefined>;
  /** Everybody of this home who may have relayed or validated; `books` says whether they have. */
  readonly nodes: () => Promise<readonly NodeFolder[]>;
  /** Undefined where nothing was ever queued. */
  readonly books: (node: NodeFolder) => Promise<RelayBooks | undefined>;
  /** Undefined where nobody validates. */
  readonly validator: (node: NodeFolder) => Promise<ValidatorStore | undefined>;
  /** Errors: `GATEWAY_NOT_CONFIGURED`. */
  readonly feed: () => Promise<IntelligenceFeed>;
  /** Of `engram up`; undefined where this process runs no subnet. */
  readonly processes?: () => readonly ShownProcess[];
}
