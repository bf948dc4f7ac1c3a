import { EngramError } from "../../../crypto/errors.ts";
import { loadSr25519 } from "../../../crypto/sr25519.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { createHttpClient, type Fetch, type HttpClient } from "../../runtime/http-client.ts";
import { traceCalls } from "../../runtime/traced-http.ts";
import { MinerKeyShares } from "../key-shares/open-key-shares.ts";
import type { ReplicationContext } from "../open-client.ts";
import type { Replication } from "../replication-port.ts";
import { MinerSharing } from "../sharing/miner-sharing.ts";
import { EMBEDDED_MINER } from "../store/journal-rows.ts";
import type { MemoryStore } from "../store/memory-store.ts";
import { Auditor } from "./auditor.ts";
import type { KnownMiner } from "./miner-client.ts";
import { type KeyValues, MinerDirectory } from "./miner-directory.ts";
import { knownMiners } from "./miner-list.ts";
import { RecordBuilder } from "./record-builder.ts";
import { type ReplicationParts, Replicator } from "./replicator.ts";
import { RequestSigner } from "./signer.ts";

/** A miner in this process: called without a socket. */
interface EmbeddedMiner extends AsyncDisposable {
  readonly hotkey: Hotkey;
  readonly fetch: Fetch;
}

export interface ReplicationOptions {
  /** As in ENGRAM_MINERS; empty: those the chain shows. */
  readonly miners: readonly KnownMiner[];
  /** Opened when there is no remote miner. The client knows no miner code: whoever joins the two passes it in. */
  readonly embedded?: (context: ReplicationContext) => Promise<EmbeddedMiner>;
  /**
   * Also give private records to miners of the reference. Such a miner publishes them again at its peers, outside their
   * namespace, and cannot delete them: envelope and sealed vector stay in the open. Default false.
   */
  readonly privateOnReferenceMiners?: boolean;
  /** How miners are reached; default: the network. */
  readonly http?: HttpClient;
  /** Of one call to a miner; default 15 s. */
  readonly deadlineMs?: number;
}

/** The replication of a client that may know miners: give it to `openMemoryClient`. */
export function openReplication(options: ReplicationOptions): (context: ReplicationContext) => Replication {
  return (context) => {
    let embedded: Promise<EmbeddedMiner> | undefined;
    let parts: Promise<ReplicationParts> | undefined;
    const openEmbedded = () => {
      embedded ??= options.embedded?.(context);
      return embedded;
    };
    const openParts = () => {
      parts ??= makeParts(options, context, openEmbedded);
      parts.catch(() => {
        parts = undefined;
      });
      return parts;
    };
    const replicator: Replicator = new Replicator({
      context,
      auditor: new Auditor({ context, parts: openParts, wake: () => replicator.wake() }),
      policy: { privateOnReferenceMiners: options.privateOnReferenceMiners ?? false },
      parts: openParts,
      keyShares: new MinerKeyShares({
        context,
        parts: openParts,
        values: keyValues(context.store),
        http: options.http ?? createHttpClient(),
        deadlineMs: options.deadlineMs,
      }),
      sharing: new MinerSharing({
        context,
        parts: openParts,
        values: keyValues(context.store),
        http: options.http ?? createHttpClient(),
        deadlineMs: options.deadlineMs,
        wake: () => replicator.wake(),
      }),
      close: async () => {
        await (await embedded?.catch(() => undefined))?.[Symbol.asyncDispose]();
      },
    });
    return replicator;
  };
}

/** The store's small values, as replication keeps them. */
export function keyValues(store: MemoryStore): KeyValues {
  return {
    read: (key) => store.call("readValue", key),
    write: (key, value) => store.call("writeValue", { key, value }),
  };
}

async function makeParts(
  options: ReplicationOptions,
  context: ReplicationContext,
  openEmbedded: () => Promise<EmbeddedMiner> | undefined,
): Promise<ReplicationParts> {
  const { store, chain, embedder, clock } = context;
  const [wallet, sr25519] = await Promise.all([context.wallet(), loadSr25519()]);
  const network = traceCalls(options.http ?? createHttpClient());
  const local = createHttpClient(async (request) => {
    const miner = await openEmbedded();
    if (!miner) throw new EngramError("HTTP_UNREACHABLE", "there is no embedded miner");
    return miner.fetch(request);
  });
  const values = keyValues(store);
  const ownMiner = async (): Promise<KnownMiner | undefined> => {
    const miner = await openEmbedded();
    if (miner && (await values.read(EMBEDDED_MINER)) !== miner.hotkey) await values.write(EMBEDDED_MINER, miner.hotkey);
    return miner && { hotkey: miner.hotkey, url: "http://embedded.invalid", embedded: true, uid: 0 };
  };
  const chainIdentity = () => chain().identity();
  return {
    sr25519,
    builder: new RecordBuilder({ root: wallet.memoryRoot, signer: wallet, embedder, chainIdentity }),
    directory: new MinerDirectory({
      miners: ({ embedded }) => knownMiners(options.miners, chain(), embedded ? ownMiner : async () => undefined),
      httpFor: (miner) => (miner.embedded ? local : network),
      signer: new RequestSigner(wallet, clock),
      sr25519,
      chainIdentity,
      ownMiner,
      values,
      clock,
      deadlineMs: options.deadlineMs,
    }),
  };
}
