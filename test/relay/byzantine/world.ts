import type { Sr25519 } from "../../../src/crypto/sr25519.ts";
import type { Hotkey } from "../../../src/crypto/ss58.ts";
import type { MinerScore, Neuron } from "../../../src/node/ports.ts";
import { Auth2Caller } from "../../../src/node/protocol/auth2-caller.ts";
import { Auth2Gate } from "../../../src/node/protocol/auth2-gate.ts";
import { Refusal } from "../../../src/node/protocol/refusal.ts";
import { createHttpClient, type HttpClient, type HttpReply } from "../../../src/node/runtime/http-client.ts";
import { CosignDesk } from "../../../src/relay/cosign/cosign-desk.ts";
import { COSIGN_PATH, cosignRoutes } from "../../../src/relay/cosign/routes.ts";
import type { SignJournal } from "../../../src/relay/cosign/sign-journal.ts";
import { sha256Hex } from "../../../src/relay/payload/hashes.ts";
import type { PayloadSigner } from "../../../src/relay/payload/sign-payload.ts";
import { verifyCosignature } from "../../../src/relay/payload/verify-payload.ts";
import { countVotes, isQuorum, permittedSet, type Votes } from "../../../src/relay/quorum.ts";
import { NO_RECEIPT_HASH, signReceipt } from "../../../src/relay/receipt.ts";
import { newSigner, silent } from "../relay-kit.ts";
import { HonestNode, NETUID } from "./honest-node.ts";
import { quickSignatures, signerOf } from "./keys.ts";
import { Liar } from "./liar.ts";
import { MemoryOutbox } from "./memory-outbox.ts";
import { Observer } from "./observer.ts";
import { Random } from "./random.ts";
import { reply } from "./reply.ts";
import { type Ledger, RoundChain, urlOf } from "./round-chain.ts";
import { VirtualTime } from "./virtual-time.ts";

const START = 1_790_000_000_000;
const BLOCK_MS = 12_000;
const FIRST_ROUND = 2;
const ROUND_MS = 50 * BLOCK_MS;
/** All is over by then: the last round's turns, and the hour after which a pending one is given up. */
const HORIZON_MS = 5 * ROUND_MS + 2 * 3_600_000;
const GATEWAY_URL = "http://gateway.test";

/** A rule of the product that a test breaks, to see the simulation notice. */
export interface Mutation {
  readonly journal?: (journal: SignJournal, signer: PayloadSigner) => SignJournal;
  /** What each honest node believes of the chain's neurons. */
  readonly neurons?: () => (at: (block: number) => readonly Neuron[], block: number) => readonly Neuron[];
  readonly enough?: (votes: Votes) => boolean;
  /** What a killed node loses. */
  readonly lost?: (outbox: MemoryOutbox) => void;
  /** So many more of them. */
  readonly kills?: number;
  /** Worlds in which it shows are rare: a seed to begin with. */
  readonly from?: number;
}

export interface WorldOptions {
  readonly seed: number;
  /** Real signatures, headers and routes; else the same code behind them, with quick signatures. */
  readonly real: Sr25519 | null;
  readonly mutation?: Mutation;
  /** Emptied and used again: making one takes longer than a round. */
  readonly outboxes: MemoryOutbox[];
}

interface Member {
  readonly signer: PayloadSigner;
  readonly coldkey: Hotkey;
  readonly stakeTao: number;
  readonly isLiar: boolean;
  /** In the set of voters before, and from `changeAt` on. */
  readonly before: boolean;
  readonly after: boolean;
}

/** Validators, honest and lying, a network between them and what an all-hearing observer makes of it. */
export class World {
  readonly time = new VirtualTime(START);
  readonly random: Random;
  readonly sr25519: Sr25519;
  readonly observer: Observer;
  readonly ledger: Ledger;
  readonly honest: HonestNode[] = [];
  readonly liars: Liar[] = [];
  readonly members: readonly Member[];
  readonly rounds: readonly number[];
  /** The block from which the second set of voters stands. */
  readonly changeAt: number;
  readonly owners: number;
  /** What the miners are worth. */
  readonly truth: readonly number[];
  /** Texts of payloads that honest nodes sent: what a liar can replay. */
  readonly overheard: string[] = [];
  readonly accepted = new Map<number, Set<string>>();
  readonly errors: unknown[] = [];
  readonly gatewaySigner = newSigner();
  readonly #options: WorldOptions;
  readonly #desks = new Map<Hotkey, (caller: Hotkey, body: string) => Promise<HttpReply>>();
  readonly #routes = new Map<string, (request: Request) => Response | Promise<Response>>();
  readonly #isCalm: boolean;
  readonly #drop: number;
  readonly #cut: ReadonlySet<Hotkey>;
  readonly #cutUntil: number;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { seed, real } = options;
    this.random = new Random(seed);
    this.sr25519 = real ?? quickSignatures();
    this.owners = 2 + (seed % 9);
    this.members = this.#draw();
    this.rounds = this.random.chance(0.1) ? [FIRST_ROUND, FIRST_ROUND + 1] : [FIRST_ROUND];
    this.#isCalm = this.random.chance(0.3);
    this.changeAt =
      !this.#isCalm && this.random.chance(0.4)
        ? 50 * this.random.pick(this.rounds) + 1 + this.random.below(20)
        : Infinity;
    const neuronsOf = (after: boolean) =>
      this.members.flatMap((member, uid) => ((after ? member.after : member.before) ? [neuronOf(member, uid)] : []));
    const [before, after] = [neuronsOf(false), neuronsOf(true)];
    this.ledger = {
      id: `seed-${seed}`,
      time: this.time,
      beganAt: START - 98 * BLOCK_MS,
      neuronsAt: (block) => (block >= this.changeAt ? after : before),
    };
    const liars = new Set(this.members.flatMap(({ isLiar, signer }) => (isLiar ? [signer.hotkey] : [])));
    this.observer = new Observer(this.sr25519, liars);
    this.truth = Array.from({ length: 3 }, () => this.random.next());
    this.#drop = this.#isCalm ? 0 : this.random.pick([0, 0, 0.05, 0.3]);
    this.#cut = new Set(this.members.flatMap(({ signer }) => (this.random.chance(0.5) ? [signer.hotkey] : [])));
    this.#cutUntil = !this.#isCalm && this.random.chance(0.3) ? START + this.random.below(ROUND_MS) : START;
    for (const member of this.members) this.#join(member);
  }

  /** At most a third of the owners lie, in each set of voters; some owners have two hotkeys. */
  #draw(): readonly Member[] {
    const { random, owners, sr25519 } = this;
    const most = Math.floor((owners - 1) / 3);
    const liars = random.chance(0.8) ? most : random.below(most + 1);
    const doubled = random.chance(0.3);
    const replaced = random.below(owners - liars + 1);
    const isRich = random.chance(0.2);
    const member = (name: string, owner: string, index: number, sets: readonly [boolean, boolean]): Member => ({
      signer: signerOf(sr25519, `${this.#options.seed}:${name}`),
      coldkey: signerOf(sr25519, `${this.#options.seed}:owner:${owner}`).hotkey,
      stakeTao: isRich && index === 0 ? 5_000 : 100 + random.below(900),
      isLiar: index < liars && sets[0],
      before: sets[0],
      after: sets[1],
    });
    // The first of the order lie as often as not: who is in turn before the honest can do most harm.
    const names = Array.from({ length: owners }, (_, index) => `${index}`);
    if (random.chance(0.5)) names.sort((left, right) => (this.#rank(left) < this.#rank(right) ? -1 : 1));
    const first = names.map((name, index) => {
      const sets = [true, index < owners - replaced] as const;
      const one = member(name, name, index, sets);
      return doubled && random.chance(0.9) ? [one, member(`${name}b`, name, index, sets)] : [one];
    });
    const newcomers = Array.from({ length: replaced }, (_, index) =>
      member(`new-${index}`, `new-${index}`, owners + index, [false, true]),
    );
    return [...first.flat(), ...newcomers];
  }

  /** Where a validator's hotkey stands in the order of the first round. */
  #rank(name: string): string {
    const { hotkey } = signerOf(this.sr25519, `${this.#options.seed}:${name}`);
    return sha256Hex(`${NETUID}:${FIRST_ROUND}:${hotkey}`);
  }

  #join({ signer, isLiar }: Member): void {
    const { random, time } = this;
    if (isLiar) {
      this.liars.push(new Liar(signer, this));
      return;
    }
    const outbox = this.#options.outboxes[this.honest.length] ?? new MemoryOutbox();
    this.#options.outboxes[this.honest.length] = outbox;
    outbox.clear();
    const { neurons, journal } = this.#options.mutation ?? {};
    const believed = neurons?.();
    const ledger = believed
      ? { ...this.ledger, neuronsAt: (block: number) => believed(this.ledger.neuronsAt, block) }
      : this.ledger;
    const chain = new RoundChain(ledger, random.below(3));
    const node = new HonestNode({
      ...{ outbox, chain, signer, time, sr25519: this.sr25519 },
      ...this.callsOf(signer),
      gatewayHttp: this.#gatewayHttp,
      gateway: { url: GATEWAY_URL, hotkey: this.gatewaySigner.hotkey },
      failed: (error) => this.errors.push(error),
      ...(journal ? { mutate: journal } : {}),
    });
    this.honest.push(node);
    const desk = new CosignDesk(node.context);
    this.#desks.set(signer.hotkey, async (caller, body) => {
      try {
        const { status, body: said } = await desk.answer(caller, Buffer.from(body));
        return reply(status, said);
      } catch (error) {
        const status = error instanceof Refusal ? error.status : 400;
        return reply(status, { error: "refused" });
      }
    });
    const gate = new Auth2Gate({ identity: signer, sr25519: this.sr25519, clock: time });
    const app = cosignRoutes({ context: node.context, gate, log: silent });
    this.#routes.set(urlOf(signer.hotkey), (request) => app.fetch(request));
  }

  /** How `signer` asks other nodes. */
  callsOf(signer: PayloadSigner): { readonly caller: Pick<Auth2Caller, "post">; readonly http: HttpClient } {
    const { sr25519, time } = this;
    const http = createHttpClient((request) => this.#route(signer.hotkey, request));
    if (this.#options.real) {
      const caller = new Auth2Caller({ signer, sr25519, clock: time });
      const post: Auth2Caller["post"] = async (...call) => {
        time.busy += 1;
        return await caller.post(...call).finally(() => {
          time.busy -= 1;
        });
      };
      return { caller: { post }, http };
    }
    const post: Auth2Caller["post"] = async (_, peer, path, body) => {
      if (path !== COSIGN_PATH) throw new Error(`nobody serves ${path}`);
      const answer = await this.#carry(signer.hotkey, peer.hotkey, body, async () => {
        const liar = this.liars.find(({ hotkey }) => hotkey === peer.hotkey);
        if (liar) return await liar.answer(signer.hotkey, body);
        const desk = this.#desks.get(peer.hotkey);
        if (!desk) throw new Error("nobody is there");
        // The network may deliver twice.
        if (this.random.chance(0.1)) this.#note(await desk(signer.hotkey, body), peer.hotkey);
        return await desk(signer.hotkey, body);
      });
      return { ...answer, signed: true };
    };
    return { caller: { post }, http };
  }

  /** Takes a message there and its answer back, late, or loses either. */
  async #carry(from: Hotkey, to: Hotkey, body: string, handle: () => Promise<HttpReply>): Promise<HttpReply> {
    const text = payloadOf(body);
    this.observer.payload(text);
    if (!this.#isLiar(from)) this.overheard.push(text);
    await this.#travel(from, to);
    const answer = await handle();
    this.#note(answer, to);
    await this.#travel(to, from);
    return answer;
  }

  async #travel(from: Hotkey, to: Hotkey): Promise<void> {
    const { random, time } = this;
    const isReal = this.#options.real !== null;
    if (isReal) time.busy -= 1;
    await time.sleep(random.chance(0.05) ? random.below(9_000) : 5 + random.below(400));
    if (isReal) time.busy += 1;
    const isCut = time.now() < this.#cutUntil && this.#cut.has(from) !== this.#cut.has(to);
    if (isCut || random.chance(this.#drop)) throw new Error("lost on the way");
  }

  async #route(from: Hotkey, request: Request): Promise<Response> {
    const { origin } = new URL(request.url);
    const to = this.members.find(({ signer }) => urlOf(signer.hotkey) === origin)?.signer.hotkey ?? from;
    const body = await request.clone().text();
    let response = new Response("", { status: 503 });
    await this.#carry(from, to, body, async () => {
      const liar = this.liars.find(({ hotkey }) => hotkey === to);
      if (liar) {
        // Without the headers of a reply: whatever a liar says is not taken for signed.
        const { status, text } = await liar.answer(from, body);
        response = new Response(text, { status });
        return { ...reply(status, {}), text };
      }
      response = (await this.#routes.get(origin)?.(request)) ?? response;
      return { ...reply(response.status, {}), text: await response.clone().text() };
    });
    return response;
  }

  /** An honest node's answer is on the wire: its signature counts from here on, whoever may have it. */
  #note({ status, text }: HttpReply, from: Hotkey): void {
    if (status !== 200 || this.#isLiar(from)) return;
    this.observer.signed((JSON.parse(text) as { readonly signed_hash: string }).signed_hash, from);
  }

  #isLiar(hotkey: Hotkey): boolean {
    return this.liars.some((liar) => liar.hotkey === hotkey);
  }

  readonly #gatewayHttp: HttpClient = {
    get: () => Promise.reject(new Error("nobody asks")),
    delete: () => Promise.reject(new Error("nobody asks")),
    postJson: async (_, text) => {
      await this.time.sleep(20);
      return this.submit(text);
    },
  };

  /** A receiver that checks signatures and counts them by the shared rule. */
  submit(text: string): HttpReply {
    const at = text.indexOf(',"cosignatures":');
    const payload = this.observer.payload(at < 0 ? text : `${text.slice(0, at)}}`);
    if (!payload) return reply(401, { error: "bad_signature" });
    const { cosignatures } = JSON.parse(text) as { readonly cosignatures?: never[] };
    const valid = (cosignatures ?? []).filter((one) => verifyCosignature(this.sr25519, payload, one));
    const signers = [payload.validatorHotkey, ...valid.map(({ validator_hotkey }) => validator_hotkey)];
    for (const hotkey of signers) this.observer.signed(payload.signedHash, hotkey);
    const { block, roundId, signedHash, outputHash } = payload;
    const neurons = this.ledger.neuronsAt(block);
    const { enough = isQuorum } = this.#options.mutation ?? {};
    if (!enough(countVotes(permittedSet({ block, hash: "", neurons }, 0), signers))) {
      return reply(202, { status: "pending_quorum" });
    }
    this.accepted.set(roundId, (this.accepted.get(roundId) ?? new Set()).add(signedHash));
    const body = {
      ...{ gateway_seq: 1, prev_receipt_hash: NO_RECEIPT_HASH, signed_hash: signedHash, output_hash: outputHash },
      ...({ output_type: "ranking", assurance: "quorum", qc_hash: null, accepted_at_block: block } as const),
      ...{ accepted_at_ms: 1, chain: `local:${this.ledger.id}`, payment: null },
    };
    return reply(201, { receipt: signReceipt(body, this.gatewaySigner) });
  }

  /** Nobody lies, nothing is lost, all see and measure nearly the same: then a round must have its certificate. */
  get isQuiet(): boolean {
    return this.#isCalm && this.liars.length === 0;
  }

  /** What a validator measures: near the truth, in some worlds not so near. */
  measure(spread: number): ReadonlyMap<number, MinerScore> {
    const { random } = this;
    const near = (value: number) => Math.min(1, Math.max(0, value + (random.next() - 0.5) * spread));
    return new Map(this.truth.map((value, uid) => [uid, { recall: near(value), latencyMs: 50, proofRate: 1 }]));
  }

  /** A round or two, and as long after them as anything may still happen. */
  async run(): Promise<void> {
    const { random, time } = this;
    const spread = this.#isCalm ? 0.05 : random.pick([0.05, 0.05, 0.2, 0.6]);
    const late = this.#isCalm ? 3 : random.pick([3, 3, 15]);
    for (const round of this.rounds) {
      for (const node of this.honest) {
        const isIn = (block: number) =>
          this.ledger.neuronsAt(block).some(({ hotkey }) => hotkey === node.parts.signer.hotkey);
        // Who has its permit only from the change on measures after it.
        const early = 50 * round + random.below(late);
        const block = isIn(early) ? early : Math.max(early, Math.min(this.changeAt, 50 * round + 40)) + random.below(3);
        const at = (block - 98 + 6 + random.below(3)) * BLOCK_MS + random.below(BLOCK_MS);
        time.after(at, () => {
          if (isIn(block)) node.emit(block, this.measure(spread)).catch((error: unknown) => this.errors.push(error));
        });
      }
    }
    for (const liar of this.liars) liar.plot();
    const { lost, kills: more = 0 } = this.#options.mutation ?? {};
    for (let kills = this.isQuiet ? 0 : random.below(4) + more; kills > 0; kills -= 1) {
      const node = random.pick(this.honest);
      time.after(random.below(3 * ROUND_MS), () => node.restart(lost));
    }
    await time.run(START + HORIZON_MS);
  }
}

function payloadOf(body: string): string {
  return body.slice('{"payload":'.length, -1);
}

function neuronOf({ signer, coldkey, stakeTao }: Member, uid: number): Neuron {
  const { hotkey } = signer;
  return { uid, hotkey, coldkey, stakeTao, endpoint: urlOf(hotkey), validatorPermit: true, incentive: 0 };
}
