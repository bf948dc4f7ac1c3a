import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import { keyFingerprint } from "../../../crypto/key-shares.ts";
import type { NamespaceAccess } from "../replication/namespace-access.ts";
import { collectShares } from "./collect-shares.ts";
import { possibleHolders } from "./holders.ts";
import type { RevokeResult, SharesShown } from "./key-shares.ts";
import { nextEpoch, type SplitDeps } from "./split-key.ts";
import { readSplit, writeSplit } from "./split-record.ts";

interface Named {
  readonly name: string;
  readonly access: NamespaceAccess;
}

/** Commits to an epoch that has no shares: holders drop all they have, and remember up to where. */
export async function revokeShares({ name, access }: Named, deps: Omit<SplitDeps, "chain">): Promise<RevokeResult> {
  const { views, calls, signal, values, clock } = deps;
  const { wireName: namespace } = access;
  const asked = askable(deps);
  const { epoch } = await nextEpoch(namespace, deps);
  const holders = await Promise.all(
    asked.map(async ({ miner }) => {
      const { hotkey } = miner;
      try {
        await calls.store(miner, { namespace, commit_epoch: epoch }, signal);
        return { hotkey, revoked: true };
      } catch (error) {
        signal.throwIfAborted();
        const problem = isEngramError(error) ? error.message : "it could not be reached";
        return { hotkey, revoked: false, problem };
      }
    }),
  );
  const record = await readSplit(values, namespace);
  const told = new Set<string>(holders.flatMap(({ hotkey, revoked }) => (revoked ? hotkey : [])));
  const complete = (record?.holders ?? views.map(({ miner }) => miner.hotkey)).every((hotkey) => told.has(hotkey));
  if (record) await writeSplit(values, namespace, { ...record, complete: false, epoch, revokedAt: clock.now() });
  return { namespace: name, wireName: namespace, epoch, complete, holders };
}

/** Asks every possible holder for its share and looks whether they are enough; puts none together. */
export async function showShares(
  { name, access }: Named,
  deps: Pick<SplitDeps, "views" | "calls" | "sr25519" | "signer" | "signal">,
): Promise<SharesShown> {
  const { wireName } = access;
  const { groups, holders } = await collectShares(askable(deps), { wireName, owner: deps.signer.hotkey }, deps);
  const [newest] = groups;
  if (!newest) return { namespace: name, wireName, split: null, holders };
  const { epoch, threshold, total, public_key } = newest.manifest;
  const valid = newest.shares.length;
  const facts = { fingerprint: keyFingerprint(public_key), epoch, threshold, total };
  return { namespace: name, wireName, split: { ...facts, valid, recoverable: valid >= threshold }, holders };
}

function askable({ views }: Pick<SplitDeps, "views">) {
  const asked = possibleHolders(views);
  if (asked.length > 0) return asked;
  throw new EngramError("NO_MINERS", "no miner that keeps key shares is known", {
    fix: "name the holders in ENGRAM_MINERS; `engram status` shows who answers",
  });
}
