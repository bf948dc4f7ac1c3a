import { randomBytes } from "node:crypto";
import pRetry from "p-retry";
import { sealEnvelope } from "../../../crypto/envelope.ts";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import { fromHex, toHex } from "../../../crypto/hex.ts";
import {
  keyFingerprint,
  type ShareManifest,
  type SignedManifest,
  shareCommitment,
  signManifest,
} from "../../../crypto/key-shares.ts";
import { type Share, splitSecret } from "../../../crypto/shamir.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import type { ChainClient } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { KeyValues, MinerView } from "../replication/miner-directory.ts";
import type { NamespaceAccess } from "../replication/namespace-access.ts";
import type { HotkeySigner } from "../replication/signer.ts";
import { type CollectedShares, collectShares } from "./collect-shares.ts";
import { chooseHolders, chooseThreshold, type Holder, possibleHolders } from "./holders.ts";
import { judgeIndependence } from "./independence.ts";
import type { SplitInput, SplitResult } from "./key-shares.ts";
import { NEWER_EPOCH, type ShareCalls } from "./share-calls.ts";
import { readSplit, writeSplit } from "./split-record.ts";

export interface SplitDeps {
  readonly views: readonly MinerView[];
  readonly calls: ShareCalls;
  readonly signer: HotkeySigner;
  readonly sr25519: Sr25519;
  readonly chain: ChainClient;
  readonly values: KeyValues;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Delivery {
  readonly hotkey: string;
  readonly stored: boolean;
  readonly problem?: string;
}

/**
 * Gives each holder one new share of the namespace's secret. Shares of the split before stay where they are until all
 * new ones are on disk, so that whatever fails in between, one whole split is left.
 */
export async function splitKey(
  { name, access }: { readonly name: string; readonly access: NamespaceAccess },
  input: SplitInput,
  deps: SplitDeps,
): Promise<SplitResult> {
  const holders = await chooseHolders(deps.views, input.holders, deps.chain);
  const threshold = chooseThreshold(input.threshold, holders.length);
  const next = await nextEpoch(access.wireName, deps);
  const result = await splitInEpoch({ name, access }, { holders, threshold }, next, deps);
  const { clock } = deps;
  const jump = Math.floor(clock.now() / 1000);
  // A home that was restored does not know up to where its owner revoked; no count of splits gets near the time.
  if (!result.refusedAsOld || jump <= next.epoch) return finished(result, threshold);
  const again = { ...next, epoch: jump };
  return finished(await splitInEpoch({ name, access }, { holders, threshold }, again, deps), threshold);
}

interface SplitOutcome {
  readonly result: SplitResult;
  readonly refusedAsOld: boolean;
}

function finished({ result }: SplitOutcome, threshold: number): SplitResult {
  if (result.stored < threshold) throw incomplete(result.stored, threshold);
  return result;
}

async function splitInEpoch(
  { name, access }: { readonly name: string; readonly access: NamespaceAccess },
  { holders, threshold }: { readonly holders: readonly Holder[]; readonly threshold: number },
  { epoch, keepEpoch }: { readonly epoch: number; readonly keepEpoch: number },
  deps: SplitDeps,
): Promise<SplitOutcome> {
  const { shares, signed } = makeShares(access, { epoch, threshold, total: holders.length }, deps.signer);
  const independence = await judgeIndependence(
    holders.map(({ view }) => view.miner),
    deps.chain,
  );
  const fingerprint = keyFingerprint(signed.manifest.public_key);
  const record = {
    ...{ epoch, threshold, total: holders.length, fingerprint, complete: false, at: deps.clock.now() },
    ...{ independent: independence.independent, holders: holders.map(({ view }) => view.miner.hotkey) },
  };
  // Before the first share leaves: a split that was cut off must not lend its epoch to the next.
  await writeSplit(deps.values, access.wireName, record);
  const deliveries = await Promise.all(
    holders.map((holder, place) => deliver(holder, shares[place], signed, keepEpoch, deps)),
  );
  const stored = deliveries.filter((delivery) => delivery.stored).length;
  const complete = stored === holders.length;
  if (complete) {
    await dropOlder(signed.manifest, deps);
    await writeSplit(deps.values, access.wireName, { ...record, complete });
  }
  const { wireName } = access;
  const facts = { wireName, fingerprint, epoch, threshold, total: holders.length };
  const result = { namespace: name, ...facts, stored, complete, ...independence, holders: deliveries };
  return { result, refusedAsOld: deliveries.some(({ problem }) => problem?.includes(NEWER_EPOCH)) };
}

/** Above every epoch that this home or a miner knows of; and the epoch that can be recovered meanwhile. */
export async function nextEpoch(
  wireName: string,
  { views, calls, sr25519, signal, signer, values }: Omit<SplitDeps, "chain" | "clock">,
): Promise<{ readonly epoch: number; readonly keepEpoch: number }> {
  const [record, collected] = await Promise.all([
    readSplit(values, wireName),
    collectShares(possibleHolders(views), { wireName, owner: signer.hotkey }, { calls, sr25519, signal }),
  ]);
  const epochs = collected.groups.map(({ manifest }) => manifest.epoch);
  const epoch = Math.max(0, record?.epoch ?? 0, ...epochs) + 1;
  return { epoch, keepEpoch: wholeEpoch(collected) ?? (record?.complete ? record.epoch : (epochs[0] ?? 0)) };
}

function wholeEpoch({ groups }: CollectedShares): number | undefined {
  return groups.find(({ manifest, shares }) => shares.length >= manifest.threshold)?.manifest.epoch;
}

function makeShares(
  access: NamespaceAccess,
  split: { readonly epoch: number; readonly threshold: number; readonly total: number },
  signer: HotkeySigner,
): { readonly shares: readonly Share[]; readonly signed: SignedManifest } {
  const shares = splitSecret(access.secret, split, randomBytes);
  const facts = { namespace: access.wireName, ...split };
  const manifest: ShareManifest = {
    ...facts,
    key_epoch: access.epoch,
    public_key: toHex(access.keys.publicKey),
    commitments: shares.map((share) => shareCommitment(facts, share)),
  };
  return { shares, signed: signManifest(manifest, (message) => signer.sign(message)) };
}

async function deliver(
  { view, shareKey }: Holder,
  share: Share | undefined,
  { manifest, signature }: SignedManifest,
  keepEpoch: number,
  { calls, signal }: SplitDeps,
): Promise<Delivery> {
  const { hotkey } = view.miner;
  const receiver = fromHex(shareKey, 32);
  if (!share || !receiver) return { hotkey, stored: false, problem: "it has no usable key" };
  const deposit = {
    ...{ share_index: share.index, sealed_share: sealEnvelope(share.bytes, receiver) },
    ...{ manifest, manifest_signature: signature, keep_epoch: keepEpoch },
  };
  try {
    await pRetry(() => calls.store(view.miner, deposit, signal), {
      ...{ retries: 2, minTimeout: 200, maxTimeout: 1_000, signal },
      shouldRetry: ({ error }) => isEngramError(error) && error.code.startsWith("HTTP_"),
    });
    return { hotkey, stored: true };
  } catch (error) {
    signal.throwIfAborted();
    return { hotkey, stored: false, problem: isEngramError(error) ? error.message : "it could not be reached" };
  }
}

/** Former holders too: any threshold of old shares would still give the secret. One that is away keeps its own. */
async function dropOlder({ namespace, epoch }: ShareManifest, { views, calls, signal }: SplitDeps): Promise<void> {
  const reachable = possibleHolders(views).filter((view) => view.reachable);
  await Promise.allSettled(
    reachable.map(({ miner }) => calls.store(miner, { namespace, commit_epoch: epoch }, signal)),
  );
}

function incomplete(stored: number, threshold: number): EngramError {
  return new EngramError(
    "KEY_SPLIT_INCOMPLETE",
    `only ${stored} holders confirmed their share, ${threshold} are needed; earlier shares were kept`,
    { fix: "check the miners with `engram status` and split again" },
  );
}
