import { batchProof } from "../../src/crypto/batch-proof.ts";
import { fromHex } from "../../src/crypto/hex.ts";
import { type HeldRecord, possessionProof } from "../../src/crypto/possession-proof.ts";
import { decodeHotkey, type Hotkey } from "../../src/crypto/ss58.ts";
import { Auth2Gate } from "../../src/node/protocol/auth2-gate.ts";
import type { Fetch } from "../../src/node/runtime/http-client.ts";
import { type MinerUnderTest, sr25519, TestKey } from "../miner/miner-under-test.ts";

/** Calls a miner as over the network. */
export const fetchOf =
  (miner: MinerUnderTest): Fetch =>
  async (request) => {
    const { pathname } = new URL(request.url);
    const answer = await miner.call(
      request.method,
      pathname,
      (await request.text()) || undefined,
      Object.fromEntries(request.headers),
    );
    return new Response(answer.text, { status: answer.status, headers: answer.headers });
  };

/** A miner of its own key that answers challenges as `lie` says, properly signed. */
export function liar(
  clock: MinerUnderTest["clock"],
  lie: (asked: { cids: string[]; nonce: Uint8Array; validator: Hotkey; expiresAt: number }) => unknown,
) {
  const key = new TestKey();
  const gate = new Auth2Gate({ identity: key, sr25519, clock });
  const send: Fetch = async (request) => {
    const bytes = new Uint8Array(await request.arrayBuffer());
    const { sender, replyHeaders } = gate.authenticate(request, bytes);
    const { cids, nonce_hex, expires_at } = JSON.parse(Buffer.from(bytes).toString());
    const nonce = fromHex(nonce_hex) ?? new Uint8Array();
    const reply = JSON.stringify(await lie({ cids, nonce, validator: sender, expiresAt: expires_at }));
    return new Response(reply, { status: 200, headers: replyHeaders(200, reply) });
  };
  return { key, send };
}

/** What an honest miner of hotkey `miner` answers for these records. */
export function honest(
  records: readonly HeldRecord[],
  asked: { nonce: Uint8Array; validator: Hotkey; expiresAt: number },
  miner: Hotkey,
) {
  const batch = batchProof(records, { nonce: asked.nonce, validatorKey: decodeHotkey(asked.validator) as Uint8Array });
  const entries = batch.entries.map((entry, place) => ({
    ...entry,
    proof2: possessionProof(records[place] as HeldRecord, { ...asked, miner }),
  }));
  return { nonce_hex: batch.nonce_hex, entries };
}
