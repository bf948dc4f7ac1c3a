import type { z } from "zod";
import { archiveFields } from "./archive-messages.ts";
import { ARCHIVE_CAPABILITY } from "./capabilities.ts";
import { keyShareRetrieveFields, keyShareStoreFields } from "./key-share-messages.ts";
import { letterFields, lettersFields } from "./namespace-grant.ts";
import { attestFields, namespaceAdminFields, namespaceOwnerFields } from "./namespace-requests.ts";
import {
  challengeFields,
  deleteFields,
  ingestFields,
  listFields,
  proveFields,
  queryFields,
  repairFields,
} from "./requests.ts";

/** Who may call a route: `signed` by hotkey fields in the body (spec 5), `auth2` by headers, `admin` the operator. */
type Access = "open" | "signed" | "own" | "auth2" | "admin";

export interface RouteText {
  readonly method: "get" | "post" | "delete";
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  /** Where the wire is specified. */
  readonly clause: string;
  /** The very schema that reads the body. */
  readonly body?: z.ZodType;
  readonly statuses: readonly number[];
  /** Served by miners with this capability alone. */
  readonly capability?: string;
}

/** Every route of a miner, for its document. */
export const ROUTES: readonly RouteText[] = [
  {
    method: "post",
    path: "/IngestSynapse",
    access: "signed",
    summary: "Store a record. Answers 200 with `error` where the content is refused",
    clause: "spec 8.1",
    body: ingestFields,
    statuses: [200, 400, 401, 413],
  },
  {
    method: "post",
    path: "/QuerySynapse",
    access: "signed",
    summary: "The records nearest to a text or vector, by cosine, best first",
    clause: "spec 8.2",
    body: queryFields,
    statuses: [200, 400, 401, 413],
  },
  {
    method: "post",
    path: "/ChallengeSynapse",
    access: "signed",
    summary: "Prove to hold a record; over auth2 a batch, in all their bytes",
    clause: "spec 8.3, capability proof2",
    body: challengeFields,
    statuses: [200, 400, 401, 404],
  },
  {
    method: "post",
    path: "/RepairSynapse",
    access: "signed",
    summary: "A public record with its vector, to be copied",
    clause: "spec 8.4",
    body: repairFields,
    statuses: [200, 400, 401, 404],
  },
  {
    method: "get",
    path: "/retrieve/{cid}",
    access: "open",
    summary: "A public record's metadata",
    clause: "spec 8.5",
    statuses: [200, 400, 404],
  },
  {
    method: "delete",
    path: "/retrieve/{cid}",
    access: "signed",
    summary: "Delete one's own record; always signed",
    clause: "spec 8.6",
    body: deleteFields,
    statuses: [200, 400, 401, 404],
  },
  {
    method: "post",
    path: "/list",
    access: "signed",
    summary: "A page of records",
    clause: "spec 8.7",
    body: listFields,
    statuses: [200, 400, 401, 403, 404],
  },
  {
    method: "post",
    path: "/KeyShareSynapse",
    access: "auth2",
    summary: "Keep a key share, or commit to an epoch of them",
    clause: "spec 8.8, capability keyshare2",
    body: keyShareStoreFields,
    statuses: [200, 400, 401, 403, 409],
  },
  {
    method: "post",
    path: "/KeyShareRetrieve",
    access: "auth2",
    summary: "One's own key shares, sealed to the request's key",
    clause: "spec 8.9, capability keyshare2",
    body: keyShareRetrieveFields,
    statuses: [200, 400, 401, 404],
  },
  {
    method: "post",
    path: "/ArchiveSynapse",
    access: "auth2",
    summary: "Archive on Arweave what one's own record names",
    clause: `capability ${ARCHIVE_CAPABILITY}`,
    body: archiveFields,
    statuses: [200, 400, 401, 403, 404, 413],
    capability: ARCHIVE_CAPABILITY,
  },
  {
    method: "post",
    path: "/AttestNamespace",
    access: "own",
    summary: "Say in the open that a namespace is one's own",
    clause: "spec 8.10",
    body: attestFields,
    statuses: [200, 400, 401, 403],
  },
  {
    method: "get",
    path: "/attestation/{namespace}",
    access: "open",
    summary: "Who attested a namespace, and their tier",
    clause: "spec 8.11",
    statuses: [200],
  },
  {
    method: "post",
    path: "/NamespaceOwner",
    access: "auth2",
    summary: "Hand a namespace to a new key, or end it with all its records",
    clause: "capability nsowner1",
    body: namespaceOwnerFields,
    statuses: [200, 400, 401, 403, 404],
  },
  {
    method: "post",
    path: "/NamespaceGrants",
    access: "auth2",
    summary: "Begin an epoch of a namespace: older grants end, readers who stay find a letter",
    clause: "capability grant1",
    body: lettersFields,
    statuses: [200, 400, 401, 404, 409],
  },
  {
    method: "post",
    path: "/NamespaceLetter",
    access: "auth2",
    summary: "What a namespace's owner left for the sender, sealed to the sender's key",
    clause: "capability grant1",
    body: letterFields,
    statuses: [200, 400, 401, 404],
  },
  {
    method: "post",
    path: "/namespace",
    access: "admin",
    summary: "Namespaces of the old scheme",
    clause: "spec 8.12",
    body: namespaceAdminFields,
    statuses: [200, 400, 403],
  },
  {
    method: "get",
    path: "/commitment",
    access: "open",
    summary: "The signed root of the public records",
    clause: "spec 8.13",
    statuses: [200],
  },
  {
    method: "post",
    path: "/prove-memory",
    access: "open",
    summary: "Prove that a public record is under the signed root",
    clause: "spec 8.14",
    body: proveFields,
    statuses: [200, 400, 404],
  },
  {
    method: "get",
    path: "/health",
    access: "open",
    summary: "Whether it serves, and its signed capabilities",
    clause: "spec 8.16",
    statuses: [200],
  },
  {
    method: "get",
    path: "/stats",
    access: "open",
    summary: "What it holds and how fast it answers",
    clause: "spec 8.16",
    statuses: [200],
  },
  {
    method: "get",
    path: "/metagraph",
    access: "open",
    summary: "The neurons of the last block read",
    clause: "spec 8.16",
    statuses: [200],
  },
  {
    method: "get",
    path: "/metrics",
    access: "admin",
    summary: "Prometheus metrics",
    clause: "spec 8.16",
    statuses: [200, 403],
  },
  {
    method: "get",
    path: "/wallet-stats",
    access: "admin",
    summary: "What verified hotkeys did since the start",
    clause: "spec 8.16",
    statuses: [200, 403],
  },
  {
    method: "get",
    path: "/wallet-stats/{hotkey}",
    access: "admin",
    summary: "What one verified hotkey did since the start",
    clause: "spec 8.16",
    statuses: [200, 403],
  },
  {
    method: "get",
    path: "/openapi.json",
    access: "open",
    summary: "This document",
    clause: "ours",
    statuses: [200],
  },
];
