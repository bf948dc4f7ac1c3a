import { toHex } from "../../../src/crypto/hex.ts";
import type { Hotkey } from "../../../src/crypto/ss58.ts";
import type { MinerScore } from "../../../src/node/ports.ts";
import type { HttpReply } from "../../../src/node/runtime/http-client.ts";
import { COSIGN_PATH } from "../../../src/relay/cosign/routes.ts";
import { freezeRanking, roundScores } from "../../../src/relay/payload/freeze-output.ts";
import { cosignMessage } from "../../../src/relay/payload/hashes.ts";
import { readPayload } from "../../../src/relay/payload/read-payload.ts";
import {
  type PayloadSigner,
  payloadBody,
  signPayload,
  withCosignatures,
} from "../../../src/relay/payload/sign-payload.ts";
import type { Cosignature } from "../../../src/relay/payload/types.ts";
import { NETUID } from "./honest-node.ts";
import { reply } from "./reply.ts";
import { RoundChain, urlOf } from "./round-chain.ts";
import type { World } from "./world.ts";

const BLOCK_MS = 12_000;
const PLOTS = 2;
const TRIES = 2;

/** A validator that does whatever may help it to a second certificate. */
export class Liar {
  readonly #signer: PayloadSigner;
  readonly #world: World;
  readonly #copied: Cosignature[] = [];
  readonly #given = new Set<string>();
  readonly #calls;

  constructor(signer: PayloadSigner, world: World) {
    this.#signer = signer;
    this.#world = world;
    this.#calls = world.callsOf(signer);
  }

  get hotkey(): Hotkey {
    return this.#signer.hotkey;
  }

  /** What it says when it is asked to sign. */
  async answer(_caller: Hotkey, body: string): Promise<HttpReply> {
    const { random } = this.#world;
    const payload = readPayload(body.slice('{"payload":'.length, -1));
    const own = { validator_hotkey: this.hotkey, signature: this.#cosign(payload), signed_hash: payload.signedHash };
    switch (random.below(6)) {
      case 0:
        return reply(409, { error: "round_taken" });
      case 1:
        throw new Error("no answer");
      case 2: {
        // Another's signature under its own name, or of another payload.
        const copied = this.#copied.length > 0 ? random.pick(this.#copied) : own;
        return reply(200, { ...own, signature: copied.signature });
      }
      case 3:
        return reply(200, { ...own, signature: `0x${"ab".repeat(64)}` });
      default:
        return reply(200, own);
    }
  }

  /** Plans what it tries in each round. */
  plot(): void {
    const { random, time } = this.#world;
    for (const round of this.#world.rounds) {
      for (let plot = random.below(PLOTS); plot >= 0; plot -= 1) {
        const at = (50 * round - 98 + 4 + random.below(random.pick([6, 70]))) * BLOCK_MS + random.below(BLOCK_MS);
        time.after(at, () => void this.#attack(round).catch(() => undefined));
      }
    }
  }

  async #attack(round: number): Promise<void> {
    const { random, honest, overheard } = this.#world;
    if (random.chance(0.15) && overheard.length > 0) return await this.#send(random.pick(overheard), this.#everyone());
    const bySet = random.chance(0.3);
    const texts = [await this.#payload(round, bySet ? 0 : null), await this.#payload(round, bySet ? 44 : null)];
    if (random.chance(0.2))
      texts.push(`{"output":${"NaN"}}`, texts[0]?.replace(/"recall":[^,]*/, '"recall":NaN') ?? "");
    // Each half of the validators is shown another payload, or all are shown both.
    const began = new Set(this.#world.ledger.neuronsAt(50 * round).map(({ hotkey }) => hotkey));
    const isFirst = (hotkey: Hotkey) => (bySet ? began.has(hotkey) : random.chance(0.5));
    const first = new Set(honest.map(({ parts }) => parts.signer.hotkey).filter(isFirst));
    const isSplit = random.chance(0.8);
    const [left, right] = [
      this.#everyone().filter((one) => first.has(one)),
      this.#everyone().filter((one) => !first.has(one)),
    ];
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      await Promise.all([
        this.#send(texts[0] ?? "", isSplit ? left : this.#everyone()),
        this.#send(texts[1] ?? "", isSplit ? right : this.#everyone()),
        ...texts.slice(2).map((text) => this.#send(text, this.#everyone())),
      ]);
      await this.#world.time.sleep(30_000 + random.below(60_000));
    }
  }

  #everyone(): readonly Hotkey[] {
    return this.#world.honest.map(({ parts }) => parts.signer.hotkey);
  }

  /** Asks `hotkeys` to sign, and brings what they give to the receiver with all that liars can add. */
  async #send(text: string, hotkeys: readonly Hotkey[]): Promise<void> {
    const { caller, http } = this.#calls;
    const { signal } = new AbortController();
    const given = this.#given;
    const asks = hotkeys
      .filter((hotkey) => !given.has(`${hotkey} ${text}`))
      .map(async (hotkey) => {
        const peer = { hotkey, url: urlOf(hotkey) };
        const limits = { deadlineMs: 10_000, maxBytes: 4_096, signal };
        const answer = await caller.post(http, peer, COSIGN_PATH, `{"payload":${text}}`, limits);
        if (answer.status !== 200) return;
        given.add(`${hotkey} ${text}`);
        const { validator_hotkey, signature } = JSON.parse(answer.text) as Cosignature;
        this.#copied.push({ validator_hotkey, signature });
      });
    await Promise.allSettled(asks);
    const payload = this.#world.observer.payload(text);
    if (!payload) return;
    const helpers = this.#world.liars.filter(({ hotkey }) => hotkey !== payload.validatorHotkey);
    const added = helpers.map((liar) => ({ validator_hotkey: liar.hotkey, signature: liar.#cosign(payload) }));
    this.#world.submit(withCosignatures(text, [...this.#copied.slice(-60), ...added]));
  }

  #cosign(payload: Parameters<typeof cosignMessage>[0]): string {
    return `0x${toHex(this.#signer.sign(cosignMessage(payload)))}`;
  }

  async #payload(round: number, offset: number | null): Promise<string> {
    const { random, ledger, time } = this.#world;
    const chain = new RoundChain(ledger, 0);
    const { number } = await chain.finalized();
    const latest = Math.min(Math.max(50 * round, number), 50 * round + (offset ?? random.below(45)));
    const block = random.chance(0.1) ? number + 1 : latest;
    const hash = random.chance(0.05)
      ? `0x${"0f".repeat(32)}`
      : ((await chain.blockHash(block)) ?? `0x${"0f".repeat(32)}`);
    const neurons = ledger.neuronsAt(block);
    const uid = neurons.find(({ hotkey }) => hotkey === this.hotkey)?.uid ?? 0;
    const body = payloadBody({
      schemaVersion: random.chance(0.1) ? "engram-v1" : "engram-v2",
      netuid: NETUID,
      block,
      blockHash: hash,
      roundTs: time.now() / 1_000,
      nonce: `${block}:${uid}:${time.now() + random.below(1_000)}`,
      output: freezeRanking(roundScores(this.#scores())),
    });
    const { text } = signPayload(body, this.#signer);
    if (random.chance(0.05)) return text.replace(this.hotkey, random.pick(this.#everyone()));
    return text;
  }

  #scores(): ReadonlyMap<number, MinerScore> {
    const { random } = this.#world;
    const fair = this.#world.measure(0.05);
    const change = random.pick([1, 1, 1, 1, 0, 1e9, -1]);
    return new Map(
      [...fair].map(([uid, score]) => [
        uid,
        { ...score, recall: change === 0 ? 1 - score.recall : score.recall * change },
      ]),
    );
  }
}
