import { MIN_NAMESPACE_KEY_CHARACTERS } from "../../protocol/limits.ts";
import { type NamespaceAdminRequest, readNamespaceAdminRequest } from "../../protocol/namespace-requests.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { listText, objectText, valueText } from "../../protocol/reply-text.ts";
import type { Secret } from "../../runtime/secret.ts";
import { adminRoute, refusePlainKeys } from "../admin-access.ts";
import type { MinerServices } from "../miner-services.ts";
import { replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

const NAMES_A_PAGE = 1_000;

/**
 * POST /namespace (spec 8.12), for the operator: namespaces of the old scheme, whose records their key can query. Nothing
 * can be ingested under a key (M-W4), and a deleted name is never free again.
 */
export const namespaceAdminRoute = adminRoute(async (services, request, context) => {
  try {
    const body = await readBody(request);
    refusePlainKeys(services.adminPolicy, body, context);
    return { status: 200, text: await answer(services, readNamespaceAdminRequest(body)) };
  } catch (error) {
    return replyToError(error, context.logger);
  }
});

async function answer(services: MinerServices, wanted: NamespaceAdminRequest): Promise<string> {
  switch (wanted.action) {
    case "create":
      return create(services, wanted);
    case "delete":
      return remove(services, await opened(services, wanted));
    case "rotate":
      return rotate(services, wanted);
    case "list":
      return list(services, wanted);
    default:
      throw new Refusal(400, "action must be create, delete, rotate or list");
  }
}

async function create(
  { namespaces, namespaceKeys, namespaceGate, clock }: MinerServices,
  { namespace, key }: NamespaceAdminRequest,
): Promise<string> {
  if (namespace === undefined || !namespaceGate.isUsableName(namespace)) {
    throw new Refusal(400, "namespace must be letters, digits and _ only, no digit first, not two __ at its start");
  }
  const verifier = await checkedVerifier(namespaceKeys, namespace, key, "key");
  if (!(await namespaces.createKeyed(namespace, verifier, clock.now()))) {
    throw new Refusal(400, "this name is taken, or was; choose another one");
  }
  return objectText({ ok: "true", namespace: valueText(namespace) });
}

async function rotate(services: MinerServices, wanted: NamespaceAdminRequest): Promise<string> {
  const { namespaces, namespaceKeys } = services;
  if (!wanted.newKey) throw new Refusal(400, "give new_key");
  const name = await opened(services, wanted);
  const verifier = await checkedVerifier(namespaceKeys, name, wanted.newKey, "new_key");
  if (!(await namespaces.replaceVerifier(name, verifier))) throw wrongKey();
  return objectText({ ok: "true" });
}

async function remove({ namespaces, clock }: MinerServices, name: string): Promise<string> {
  if (!(await namespaces.deleteKeyed(name, clock.now()))) throw wrongKey();
  return objectText({ ok: "true" });
}

async function list({ namespaces }: MinerServices, { after }: NamespaceAdminRequest): Promise<string> {
  const names = await namespaces.names(after, NAMES_A_PAGE + 1);
  const shown = names.slice(0, NAMES_A_PAGE);
  const next = names.length > NAMES_A_PAGE ? { next: valueText(shown.at(-1) ?? null) } : {};
  return objectText({ namespaces: listText(shown.map(valueText)), ...next });
}

/** The name of a namespace whose key was given. */
async function opened({ namespaceKeys }: MinerServices, { namespace, key }: NamespaceAdminRequest): Promise<string> {
  if (namespace === undefined || !key || !(await namespaceKeys.opens(namespace, key))) throw wrongKey();
  return namespace;
}

async function checkedVerifier(
  namespaceKeys: MinerServices["namespaceKeys"],
  namespace: string,
  key: Secret<string> | undefined,
  field: string,
): Promise<Uint8Array> {
  const verifier = key && (await namespaceKeys.verifier(namespace, key));
  if (verifier) return verifier;
  throw new Refusal(400, `${field} must have at least ${MIN_NAMESPACE_KEY_CHARACTERS} characters`);
}

function wrongKey(): Refusal {
  return new Refusal(403, "this is not the key of such a namespace here");
}
