import { createHash } from "node:crypto";
import { join } from "node:path";
import { hotkeyOf } from "../../../src/crypto/ss58.ts";
import type { MinerScore } from "../../../src/node/ports.ts";
import { openValidatorStore } from "../../../src/node/validator/store/validator-store.ts";
import { openOutbox } from "../../../src/relay/outbox/outbox.ts";
import type { Draft } from "../../../src/relay/outbox/outbox-types.ts";
import { openLedger } from "../../../src/relay/payment/ledger.ts";
import { NO_RECEIPT_HASH, type Receipt, signReceipt } from "../../../src/relay/receipt.ts";
import { newSigner, sr25519 } from "../../relay/relay-kit.ts";

const gateway = newSigner();
const MINUTE = 60_000;
const CHAIN = "local:4f1c9a2e77b05d31";
/** A wave instead of chance: every run of the screenshots plots the same. */
const wave = (step: number, spread: number) => Math.round(spread * (1 + Math.sin(step * 1.7) * Math.cos(step / 5)));

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function draftOf(roundId: number, folder: string): Draft {
  return {
    ...{ chain: CHAIN, schemaVersion: "engram-v2", outputType: "ranking", assurance: "quorum", netuid: 450, roundId },
    ...{ block: 41_000 + roundId * 72, blockHash: `0x${digest(`block ${roundId}`)}` },
    ...{ outputJson: '{"scores":{}}', outputHash: digest(`${folder} output ${roundId}`) },
  };
}

function receiptOf(draft: Draft, signedHash: string, seq: number, at: number): Receipt {
  return signReceipt(
    {
      ...{
        gateway_seq: seq,
        prev_receipt_hash: NO_RECEIPT_HASH,
        signed_hash: signedHash,
        output_hash: draft.outputHash,
      },
      ...{ output_type: "ranking", assurance: "quorum", qc_hash: null, accepted_at_block: draft.block + 4 },
      ...{ accepted_at_ms: at, chain: CHAIN, payment: null },
    },
    gateway,
  );
}

interface OutboxSeed {
  readonly now: number;
  readonly rounds: number;
  /** Whether something got stuck: one is parked, one abandoned, one skipped, one under way and one held. */
  readonly troubled: boolean;
}

/** Delivered rounds, oldest first, and where it is troubled what is not. */
export async function seedOutbox(folder: string, { now, rounds, troubled }: OutboxSeed): Promise<void> {
  await using outbox = openOutbox(folder);
  const begin = async (roundId: number, at: number) => {
    const draft = draftOf(roundId, folder);
    const { job } = await outbox.call("enqueue", { draft, now: at });
    return { draft, job };
  };
  const release = async (job: string, roundId: number, at: number) => {
    const signedHash = digest(`${folder} signed ${roundId}`);
    const { block, blockHash } = draftOf(roundId, folder);
    const body = JSON.stringify({ round: roundId, padding: "x".repeat(1_400 + wave(roundId, 300)) });
    await outbox.call("release", {
      job,
      nonce: digest(`${folder} nonce ${roundId}`),
      signedHash,
      body,
      ...{ block, blockHash, roundId },
      journal: null,
      now: at,
    });
    return signedHash;
  };
  for (let roundId = 1; roundId <= rounds; roundId++) {
    const at = now - (rounds - roundId + 2) * 12 * MINUTE;
    const { draft, job } = await begin(roundId, at);
    const signed = at + 18_000 + wave(roundId, 4_000);
    const signedHash = await release(job, roundId, signed);
    await outbox.call("beginAttempt", { job, now: signed });
    const end = signed + 400 + wave(roundId, 900);
    await outbox.call("deliver", { job, receipt: receiptOf(draft, signedHash, roundId, end), http: 200, now: end });
  }
  if (!troubled) return;
  const ends = [
    ["parked", "payment_changed", 402],
    ["skipped", "round_taken", null],
  ] as const;
  for (const [index, [state, code, http]] of ends.entries()) {
    const at = now - (40 - index) * MINUTE;
    const { job } = await begin(rounds + 1 + index, at);
    await release(job, rounds + 1 + index, at + 20_000);
    await outbox.call("end", { job, state, code, http, now: at + 25_000 });
  }
  const given = await begin(rounds + 3, now - 90 * MINUTE);
  await release(given.job, rounds + 3, now - 89 * MINUTE);
  for (let attempt = 0; attempt < 11; attempt++) {
    const at = now - (88 - attempt * 5) * MINUTE;
    await outbox.call("failAttempt", {
      job: given.job,
      code: "HTTP_UNREACHABLE",
      http: null,
      retryAfterMs: 0,
      now: at,
    });
  }
  const underWay = await begin(rounds + 4, now - MINUTE);
  await release(underWay.job, rounds + 4, now - 30_000);
  await outbox.call("beginAttempt", { job: underWay.job, now: now - 20_000 });
  await outbox.call("postpone", {
    job: underWay.job,
    state: "submitting",
    nextAt: now + MINUTE,
    code: null,
    http: null,
  });
  await begin(rounds + 5, now - 10_000);
}

const PAYER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const PAYEE = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const ASSET = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";

/** Payments of today and before, one of them not settled yet. */
export async function seedPayments(folder: string, now: number): Promise<void> {
  await using ledger = openLedger(folder);
  for (let index = 0; index < 14; index++) {
    const at = now - index * 3 * 3_600_000;
    const key = { signedHash: digest(`${folder} paid ${index}`), gateway: "http://127.0.0.1:20104" };
    const nonce = `0x${digest(`${folder} payment ${index}`)}` as const;
    await ledger.call("reserve", {
      ...key,
      ...{ network: "eip155:84532", asset: ASSET, payTo: PAYEE, payer: PAYER, amount: 1_000 + (index % 3) * 500 },
      ...{
        salt: digest(`salt ${index}`),
        nonce,
        limit: 1_000_000,
        day: new Date(at).toISOString().slice(0, 10),
        now: at,
      },
    });
    const signed = { header: "X-PAYMENT", payment: "kept", validBefore: Math.floor(at / 1_000) + 600, now: at + 100 };
    await ledger.call("storeSigned", { ...key, nonce, ...signed });
    if (index === 0) continue;
    const transaction = `0x${digest(`${folder} transaction ${index}`)}` as const;
    await ledger.call("settlePurchase", { ...key, transaction, now: at + 2_000 });
  }
}

/** Forty settled rounds over three miners, and the weights that were set of them. */
export async function seedRounds(folder: string, now: number): Promise<void> {
  await using store = openValidatorStore(join(folder, "validator.db"));
  const validatorHotkey = hotkeyOf(sr25519.pairFromSeed(new Uint8Array(32).fill(200)).publicKey);
  for (let roundId = 20; roundId < 60; roundId++) {
    const measured = new Map([1, 2, 3].map((uid): [number, MinerScore] => [uid, scoreOf(uid, roundId)]));
    const block = 41_000 + roundId * 72;
    const scores = new Map([...measured].map(([uid, { recall }]) => [uid, recall]));
    const ownVector = { validatorHotkey, block, scores, timestampMs: now, signature: `0x${"0".repeat(128)}` };
    await store.call("measured", {
      round: {
        ...{ roundId, block, blockHash: `0x${digest(`block ${roundId}`)}`, measured, challenges: null, ownVector },
        ...{ salt: digest(`salt ${roundId}`), ownCommit: "{}", hotkeys: new Map() },
      },
      ...{ miners: [], slashes: [], keepFrom: 0 },
    });
    await store.call("settled", { roundId, verdict: "quorum", agreed: measured, weights: scores, miners: [] });
    const row = new Map([...scores].map(([uid, score]) => [uid, Math.round(score * 65_535)]));
    const submission = {
      ...{ path: "set" as const, block: { number: block, hash: `0x${digest(`block ${roundId}`)}` }, uid: 0, row },
      ...{ revealBlock: null, revealBlocks: 0 },
    };
    const id = await store.call("sending", {
      roundId,
      agreed: true,
      submission,
      now: now - (60 - roundId) * 12 * MINUTE,
    });
    await store.call("sent", { id, submission });
    await store.call("submissionState", { id, state: "counts", included: true });
  }
}

function scoreOf(uid: number, roundId: number): MinerScore {
  const dip = uid === 3 && roundId > 44 && roundId < 50 ? 0.35 : 0;
  const recall = 0.97 - uid * 0.03 + Math.sin(roundId * uid) * 0.015 - dip;
  return {
    recall: Math.round(recall * 1e4) / 1e4,
    latencyMs: 18 + uid * 9 + wave(roundId, 4),
    proofRate: dip > 0 ? 0.6 : 1,
  };
}
