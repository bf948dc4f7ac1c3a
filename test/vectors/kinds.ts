import { hybridEncryption, namespaceEncryption } from "./check-envelopes.ts";
import { erasure } from "./check-erasure.ts";
import { groundTruthKinds } from "./check-ground-truth.ts";
import { cid, contentCid, parsedCid, pyfloat, pyjson } from "./check-json.ts";
import { shamir } from "./check-key-shares.ts";
import { batchProofs, merkle } from "./check-merkle.ts";
import { namespaceNames, padding, trustTier } from "./check-namespaces.ts";
import { dpNoise } from "./check-noise.ts";
import { relayX402 } from "./check-payment-gate.ts";
import { dht, replicationAssign } from "./check-placement.ts";
import { relayBackoff, relayPayload } from "./check-relay.ts";
import { relayDlq } from "./check-relay-outbox.ts";
import { replicationKinds } from "./check-replication.ts";
import { relaySignature, requestHash, signing } from "./check-signatures.ts";
import { challengeProof } from "./check-storage-proof.ts";
import { validatorKinds } from "./check-validator-kinds.ts";
import type { Checker } from "./checker.ts";
import { minerKinds } from "./miner-kinds.ts";

/** A file's `kind` (or, where it has none, its `suite`) and what verifies it. A new kind is a new line here. */
export const kinds: Readonly<Record<string, Checker>> = {
  cid,
  parse_cid: parsedCid,
  content_cid: contentCid,
  pyjson,
  signing,
  hybrid_encryption: hybridEncryption,
  namespace_encryption: namespaceEncryption,
  namespace_names: namespaceNames,
  padding,
  dp_noise: dpNoise,
  trust_tier: trustTier,
  dht,
  erasure,
  "relay-pyfloat": pyfloat,
  "relay-payload": relayPayload,
  "relay-backoff": relayBackoff,
  "relay-dlq": relayDlq,
  "relay-x402": relayX402,
  "relay-sr25519": relaySignature,
  "relay-request-hash": requestHash,
  "replication-assign": replicationAssign,
  shamir,
  challenge_proof: challengeProof,
  merkle,
  batch_proof: batchProofs,
  ...groundTruthKinds,
  ...minerKinds,
  ...validatorKinds,
  ...replicationKinds,
};
