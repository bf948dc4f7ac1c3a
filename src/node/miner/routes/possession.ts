import { batchProof } from "../../../crypto/batch-proof.ts";
import { possessionProof } from "../../../crypto/possession-proof.ts";
import { decodeHotkey, type Hotkey } from "../../../crypto/ss58.ts";
import { isSubnetObject, objectFromPlain, type SubnetObject } from "../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../crypto/subnet-json-reader.ts";
import { PUBLIC_NAMESPACE, type StoredRecord } from "../../ports.ts";
import { MAX_POSSESSION_BODY_BYTES, type PossessionRequest, readPossessionRequest } from "../../protocol/possession.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { valueText } from "../../protocol/reply-text.ts";
import { auth2Route } from "../auth2-route.ts";
import { findProvable } from "../find-provable.ts";
import type { Route } from "../miner-app.ts";

/**
 * POST /ChallengeSynapse over auth2 (capability `proof2`): for each record the batch proof of spec 3 and an HMAC over all
 * its bytes, bound to the verified sender and to this miner. Records that are not there, or are not shown to this
 * sender, are null.
 */
export const possessionRoute: Route = auth2Route(async (services, body, sender) => {
  const request = readPossessionRequest(body);
  if (services.clock.now() / 1000 > request.expiresAt) {
    throw new Refusal(400, "this challenge has expired; send a new one, or set the clock");
  }
  const records = await Promise.all(request.cids.map((cid) => findProvable(services, cid, sender)));
  const text = valueText(objectFromPlain(answerOf(records, request, sender, services.hotkey)));
  // A record that is not shown may be a private one of somebody else (M-W24).
  return { text, isPrivate: !records.every((record) => record?.namespace === PUBLIC_NAMESPACE) };
}, MAX_POSSESSION_BODY_BYTES);

function answerOf(
  records: readonly (StoredRecord | null)[],
  { nonce, expiresAt }: PossessionRequest,
  validator: Hotkey,
  miner: Hotkey,
) {
  const validatorKey = decodeHotkey(validator) ?? new Uint8Array(32);
  const { nonce_hex, entries } = batchProof(records, { nonce, validatorKey });
  return {
    nonce_hex,
    entries: entries.map((entry, place) => {
      const record = records[place];
      if (!entry || !record) return null;
      const held = { cid: record.cid, embedding: record.embedding, metadata: metadataOf(record) };
      return { ...entry, proof2: possessionProof(held, { nonce, validator, miner, expiresAt }) };
    }),
  };
}

function metadataOf({ metadata }: StoredRecord): SubnetObject {
  const document = readSubnetJson(metadata);
  return isSubnetObject(document) ? document : new Map();
}
