import { ownerChangeMessage, verifyHotkeySignature } from "../../../crypto/request-auth.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { type NamespaceOwnerRequest, readNamespaceOwnerRequest } from "../../protocol/namespace-requests.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { objectText, valueText } from "../../protocol/reply-text.ts";
import { auth2Route } from "../auth2-route.ts";
import type { Route } from "../miner-app.ts";
import type { MinerServices } from "../miner-services.ts";

const OPTIONS = { maxBytes: 4 * 1024, isPrivate: true } as const;

/**
 * POST /NamespaceOwner, ours (capability `nsowner1`), over auth2 alone: the owner hands a namespace to a new key, or ends
 * it with all its records. What the old key attested or deposited stays behind with it. Somebody else's namespace and an
 * unknown one are one 404 (M-W5).
 */
export const namespaceOwnerRoute: Route = auth2Route(async (services, body, sender) => {
  const wanted = readNamespaceOwnerRequest(body);
  const { namespace } = wanted;
  if (!(await done(services, wanted, sender))) throw new Refusal(404, "no such namespace of yours here");
  const owner = wanted.action === "rotate" ? wanted.to : null;
  return objectText({ ok: "true", namespace: valueText(namespace), owner: valueText(owner) });
}, OPTIONS);

async function done(services: MinerServices, wanted: NamespaceOwnerRequest, sender: Hotkey): Promise<boolean> {
  const { namespaces, sr25519, clock } = services;
  const { namespace } = wanted;
  if (wanted.action === "delete") return namespaces.deleteOwned(namespace, sender, clock.now());
  const { to, toSignature } = wanted;
  // The new key's own word: nobody becomes an owner unasked, and a mistyped hotkey locks nobody out.
  if (!verifyHotkeySignature(sr25519, to, ownerChangeMessage(namespace, sender, to), toSignature)) {
    throw new Refusal(403, "new_signature is not the new_hotkey's over engram-ns-owner/1:old:new:namespace");
  }
  await services.authenticator.admit(to);
  return namespaces.changeOwner(namespace, sender, to);
}
