import { EngramError } from "../../../crypto/errors.ts";
import { toHex } from "../../../crypto/hex.ts";
import type { ShareManifest } from "../../../crypto/key-shares.ts";
import { type NamespaceSecret, namespaceKeyPair } from "../../../crypto/keys.ts";
import { combineShares } from "../../../crypto/shamir.ts";
import { Secret } from "../../runtime/secret.ts";
import type { ShareGroup } from "./collect-shares.ts";

export interface RebuiltSecret {
  readonly secret: Secret<NamespaceSecret>;
  readonly manifest: ShareManifest;
  readonly valid: number;
}

/**
 * The secret of the newest split that enough proven shares are left of. It counts only when it gives the public key
 * that the owner signed: the answer is the right key or `KEY_SHARES_TOO_FEW`, never a wrong one.
 */
export function rebuildSecret(groups: readonly ShareGroup[]): RebuiltSecret {
  for (const { manifest, shares } of groups) {
    if (shares.length < manifest.threshold) continue;
    const bytes = combineShares(shares, manifest.threshold);
    if (bytes.length !== 32) continue;
    const secret = bytes as NamespaceSecret;
    if (toHex(namespaceKeyPair(secret, manifest.key_epoch).publicKey) !== manifest.public_key) continue;
    return { secret: new Secret(secret), manifest, valid: shares.length };
  }
  const [newest] = groups;
  const found = newest ? `${newest.shares.length} valid of ${newest.manifest.threshold} needed` : "none";
  throw new EngramError("KEY_SHARES_TOO_FEW", `too few shares of this key are left at the miners: ${found}`, {
    fix: "start the miners that hold the others, or use the wallet's phrase",
  });
}
