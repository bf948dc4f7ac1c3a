import { EngramError } from "../../../crypto/errors.ts";
import { keyFingerprint } from "../../../crypto/key-shares.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { MinerView } from "../replication/miner-directory.ts";
import type { NamespaceAccess } from "../replication/namespace-access.ts";
import { collectShares } from "./collect-shares.ts";
import { possibleHolders } from "./holders.ts";
import { keyDiffers, sameSecret, saveKeyFile } from "./key-file.ts";
import type { RecoverResult } from "./key-shares.ts";
import { rebuildSecret } from "./rebuild-secret.ts";
import type { ShareCalls } from "./share-calls.ts";

export interface RecoverDeps {
  readonly home: string;
  readonly views: readonly MinerView[];
  readonly calls: ShareCalls;
  readonly sr25519: Sr25519;
  readonly owner: Hotkey;
  readonly signal: AbortSignal;
}

/**
 * The namespace's key from the shares at miners, checked against what its owner signed. `own` is what the wallet gives
 * for that namespace, where it knows it: then nothing is written.
 */
export async function recoverKey(
  wireName: string,
  own: NamespaceAccess | undefined,
  { home, views, calls, sr25519, owner, signal }: RecoverDeps,
): Promise<RecoverResult> {
  const asked = possibleHolders(views);
  if (asked.length === 0) {
    throw new EngramError("NO_MINERS", "no miner that keeps key shares is known", {
      fix: "name the holders in ENGRAM_MINERS; `engram status` shows who answers",
    });
  }
  const { groups, holders } = await collectShares(asked, { wireName, owner }, { calls, sr25519, signal });
  const rebuilt = rebuildSecret(groups);
  const { epoch, threshold, total, public_key } = rebuilt.manifest;
  const facts = { wireName, fingerprint: keyFingerprint(public_key), epoch, threshold, total };
  if (own && !sameSecret(own.secret, rebuilt.secret.reveal())) throw keyDiffers();
  const place = own
    ? ({ key: "held" } as const)
    : ({ key: "saved", file: await saveKeyFile(home, owner, rebuilt) } as const);
  return { ...facts, valid: rebuilt.valid, ...place, holders };
}
