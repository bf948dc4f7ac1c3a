import type { Hotkey } from "../../src/crypto/ss58.ts";
import { NETUID } from "./subtensor-calls.ts";
import { refused, SPEC, type StubBlock, type SubtensorLedger } from "./subtensor-ledger.ts";
import { startWebSocketServer, type WebSocketPeer, type WebSocketServer } from "./websocket-server.ts";

/** What a node does wrong, until a test changes it. */
export interface StubFaults {
  /** Never answers these methods; `*` for all. */
  hang?: ReadonlySet<string>;
  /** Cuts the connection when one of these is called, before it does anything. */
  cutBefore?: Set<string>;
  /** Does what is asked and cuts the connection instead of answering. */
  cutAfter?: Set<string>;
  /** Knows so many blocks less than the chain has. */
  lag?: number;
  /** Says that it is behind. */
  syncing?: boolean;
  /** Has other hashes than the chain from this block on. */
  forkedFrom?: number;
  /** Calls so many more blocks finalized than are. */
  overstates?: number;
  /** Tells of a transaction before it answers that it took it. */
  tellsEarly?: boolean;
  /** Refuses the next transaction so. */
  refuse?: { readonly code: number; readonly data: string } | undefined;
  /** Answers as a runtime without these: methods of JSON-RPC, or of runtime APIs. */
  without?: ReadonlySet<string>;
  /** Refuses so many questions for having been asked too much. */
  throttle?: number;
  /** Answers with something else. */
  garble?: ReadonlySet<string>;
}

export interface SubtensorStub extends AsyncDisposable {
  readonly url: string;
  readonly faults: StubFaults;
  /** Every method that was called, in order. */
  readonly calls: string[];
  readonly peers: ReadonlySet<WebSocketPeer>;
}

interface Request {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A node of `ledger`'s chain that speaks JSON-RPC over a WebSocket. */
export async function startSubtensorStub(ledger: SubtensorLedger, port = 0): Promise<SubtensorStub> {
  const faults: StubFaults = {};
  const calls: string[] = [];
  const node = new StubNode(ledger, faults);
  const server: WebSocketServer = await startWebSocketServer((peer, text) => {
    const request = JSON.parse(text) as Request;
    calls.push(request.method);
    if (faults.cutBefore?.delete(request.method)) return peer.cut();
    if (faults.hang?.has("*") || faults.hang?.has(request.method)) return;
    const answer = node.answer(peer, request);
    if (faults.cutAfter?.delete(request.method)) return peer.cut();
    for (const message of answer) peer.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  }, port);
  const stop = ledger.onChange(() => node.notify(server.peers));
  return {
    url: server.url,
    faults,
    calls,
    peers: server.peers,
    [Symbol.asyncDispose]: async () => {
      stop();
      await server[Symbol.asyncDispose]();
    },
  };
}

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: unknown;
  readonly method?: string;
  readonly params?: unknown;
}

class StubNode {
  readonly #ledger: SubtensorLedger;
  readonly #faults: StubFaults;
  readonly #subscriptions = new Map<string, { readonly peer: WebSocketPeer; readonly method: string; hex?: string }>();
  #next = 1;

  constructor(ledger: SubtensorLedger, faults: StubFaults) {
    this.#ledger = ledger;
    this.#faults = faults;
  }

  answer(peer: WebSocketPeer, { id, method, params }: Request): Message[] {
    try {
      if (this.#faults.throttle) {
        this.#faults.throttle--;
        throw Object.assign(new Error("Too many requests"), { code: -32_029 });
      }
      if (this.#faults.without?.has(method)) throw refusedMethod(method);
      if (this.#faults.garble?.has(method)) return [{ id, result: { what: "nonsense" } }];
      if (method === "author_submitAndWatchExtrinsic") return this.#submit(peer, id, params[0] as string);
      if (method.includes("_subscribe")) return [{ id, result: this.#subscribe(peer, method) }];
      return [{ id, result: this.#result(method, params) }];
    } catch (error) {
      const { code = -32_000, data, message } = error as Error & { code?: number; data?: string };
      return [{ id, error: { code, message, ...(data === undefined ? {} : { data }) } }];
    }
  }

  notify(peers: ReadonlySet<WebSocketPeer>): void {
    for (const [id, { peer, method, hex }] of this.#subscriptions) {
      if (!peers.has(peer)) {
        this.#subscriptions.delete(id);
        continue;
      }
      if (hex !== undefined) {
        const block = this.#ledger.blocks.findLast(({ extrinsics }) => extrinsics.includes(hex));
        if (block) send(peer, "author_extrinsicUpdate", id, { inBlock: block.hash });
        continue;
      }
      const block = method.includes("Finalized") ? this.#finalized() : this.#head();
      send(peer, method.includes("Finalized") ? "chain_finalizedHead" : "chain_newHead", id, headerOf(block));
    }
  }

  #submit(peer: WebSocketPeer, id: number, hex: string): Message[] {
    const { refuse } = this.#faults;
    this.#faults.refuse = undefined;
    if (refuse) throw refused(refuse.code, refuse.data);
    const block = this.#ledger.submit(hex);
    const subscription = `s${this.#next++}`;
    const said = (result: unknown): Message => ({
      method: "author_extrinsicUpdate",
      params: { subscription, result },
    });
    if (!block) this.#subscriptions.set(subscription, { peer, method: "author", hex });
    const told = [said("ready"), said({ broadcast: [] }), ...(block ? [said({ inBlock: block.hash })] : [])];
    const answer = { id, result: subscription };
    return this.#faults.tellsEarly ? [...told, answer] : [answer, ...told];
  }

  #subscribe(peer: WebSocketPeer, method: string): string {
    const id = `s${this.#next++}`;
    this.#subscriptions.set(id, { peer, method });
    return id;
  }

  #head(): StubBlock {
    return this.#at(Math.max(0, this.#ledger.head.number - (this.#faults.lag ?? 0))) as StubBlock;
  }

  #finalized(): StubBlock {
    const { lag = 0, overstates = 0 } = this.#faults;
    const number = Math.min(this.#ledger.head.number, this.#ledger.finalized.number - lag + overstates);
    return this.#at(Math.max(0, number)) as StubBlock;
  }

  /** The block as this node tells it. */
  #at(number: number): StubBlock | undefined {
    const block = this.#ledger.blocks[number];
    const { forkedFrom } = this.#faults;
    if (!block || forkedFrom === undefined || number < forkedFrom) return block;
    return { ...block, hash: `0xf0${block.hash.slice(4)}` };
  }

  #byHash(hash: unknown): StubBlock {
    const known = this.#ledger.blocks.find(({ number }) => this.#at(number)?.hash === hash);
    if (known && known.number <= this.#head().number) return known;
    throw Object.assign(new Error("Client error: Api called for an unknown Block: Header was not found"), {
      code: 4003,
    });
  }

  #stateOf(hash: unknown): StubBlock {
    const block = hash === undefined ? this.#head() : this.#byHash(hash);
    if (this.#ledger.head.number - block.number <= this.#ledger.options.historyBlocks) return block;
    throw Object.assign(new Error(`State already discarded for ${block.hash}`), { code: 4003 });
  }

  #result(method: string, params: readonly unknown[]): unknown {
    switch (method) {
      case "chain_getBlockHash": {
        if (params[0] === undefined || params[0] === null) return this.#head().hash;
        const number = params[0] as number;
        return number > this.#head().number ? null : (this.#at(number)?.hash ?? null);
      }
      case "chain_getFinalizedHead":
        return this.#finalized().hash;
      case "chain_getHeader":
        return headerOf(this.#byHash(params[0]));
      case "chain_getBlock": {
        const block = this.#byHash(params[0]);
        return { block: { header: headerOf(block), extrinsics: block.extrinsics }, justifications: null };
      }
      case "state_getRuntimeVersion":
        this.#stateOf(params[0]);
        return { specName: "node-subtensor", implName: "node-subtensor", authoringVersion: 1, ...SPEC, apis: [] };
      case "state_getMetadata":
        return `0x${Buffer.from(this.#ledger.options.metadata).toString("hex")}`;
      case "state_call":
        return this.#call(params[0] as string, params[1] as string, this.#stateOf(params[2]));
      case "state_queryStorageAt": {
        const block = this.#stateOf(params[1]);
        const keys = params[0] as string[];
        return [{ block: block.hash, changes: keys.map((key) => [key, block.state.get(key) ?? null]) }];
      }
      case "state_getStorage":
        return this.#stateOf(params[1]).state.get(params[0] as string) ?? null;
      case "system_accountNextIndex":
        return this.#ledger.nonceOf(params[0] as string);
      case "system_health":
        return { peers: 1, isSyncing: this.#faults.syncing ?? false, shouldHavePeers: true };
      case "author_unwatchExtrinsic":
      case "chain_unsubscribeNewHeads":
      case "chain_unsubscribeFinalizedHeads":
        return this.#subscriptions.delete(params[0] as string);
      default:
        throw refusedMethod(method);
    }
  }

  #call(name: string, data: string, block: StubBlock): string {
    const { registry } = this.#ledger.runtime.api;
    if (this.#faults.without?.has(name)) throw Object.assign(new Error(`${name} is not found`), { code: -32_000 });
    if (name === "Metadata_metadata_at_version") {
      const { metadata } = this.#ledger.options;
      const size = registry.createType("Compact<u32>", metadata.length).toU8a();
      return `0x01${Buffer.concat([size, metadata]).toString("hex")}`;
    }
    if (name === "SubnetInfoRuntimeApi_get_metagraph") {
      const values = [data === "0xc201" ? metagraphOf(this.#ledger, block) : null];
      const answer = registry.createTypeUnsafe("Option<PalletSubtensorRpcInfoMetagraph>", values).toU8a();
      return `0x${Buffer.from(answer).toString("hex")}`;
    }
    if (name === "AuraApi_slot_duration") {
      return `0x${Buffer.from(registry.createType("u64", this.#ledger.options.blockMs).toU8a()).toString("hex")}`;
    }
    throw Object.assign(new Error(`${name} is not found`), { code: -32_000 });
  }
}

function headerOf({ number, parent }: StubBlock) {
  const root = `0x${"00".repeat(32)}`;
  return { parentHash: parent, number: `0x${number.toString(16)}`, stateRoot: root, extrinsicsRoot: root, digest: {} };
}

function send(peer: WebSocketPeer, method: string, subscription: string, result: unknown): void {
  peer.send(JSON.stringify({ jsonrpc: "2.0", method, params: { subscription, result } }));
}

function refusedMethod(method: string): Error {
  return Object.assign(new Error(`Method not found: ${method}`), { code: -32_601 });
}

/** The subnet as the runtime's own call tells it. */
function metagraphOf(ledger: SubtensorLedger, block: StubBlock) {
  const size = ledger.get<number>("subtensorModule.subnetworkN", [NETUID], block);
  const uids = Array.from({ length: size }, (_, uid) => uid);
  const hotkeys = uids.map((uid) => ledger.get<Hotkey>("subtensorModule.keys", [NETUID, uid], block));
  const one = <T>(item: "owner" | "axons" | "totalHotkeyAlpha", ...args: unknown[]) =>
    ledger.get<T>(`subtensorModule.${item}`, args, block);
  return {
    netuid: NETUID,
    ...{
      block: block.number,
      numUids: size,
      maxUids: 256,
      tempo: ledger.get("subtensorModule.tempo", [NETUID], block),
    },
    hotkeys,
    coldkeys: hotkeys.map((hotkey) => one("owner", hotkey)),
    axons: hotkeys.map((hotkey) => one<object | null>("axons", NETUID, hotkey) ?? {}),
    validatorPermit: ledger.get("subtensorModule.validatorPermit", [NETUID], block),
    incentives: ledger.get("subtensorModule.incentive", [NETUID], block),
    totalStake: hotkeys.map((hotkey) => one("totalHotkeyAlpha", hotkey, NETUID)),
  };
}
