import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hotkey } from "../../../src/crypto/ss58.ts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { GatewayKit } from "../gateway/gateway-kit.ts";
import { newAddress } from "../payment/money.ts";
import type { GatewaysOptions } from "./gateways-process.ts";
import { Killable, nextLine } from "./killable.ts";
import { serveMoney } from "./money-over-http.ts";
import { PretendMoney } from "./pretend-money.ts";
import type { RelayProcessOptions } from "./relay-process.ts";

export const PRICE = 1_000;
/** A lease of a killed relay ends after 15 s. */
const AHEAD_MS = 20_000;

interface Served {
  readonly url: string;
  readonly hotkey: Hotkey;
}

/** Two gateways in a process that is killed, a relay in another, and the money they move. */
export class DeliveryScene implements AsyncDisposable {
  readonly kit: GatewayKit;
  readonly money = new PretendMoney();
  readonly payTo = newAddress();
  readonly #folder: string;
  readonly #moneyUrl: string;
  readonly #stack: ReleaseStack;
  readonly #gateways: Killable;
  readonly #relay: Killable;
  #served: { readonly free: Served; readonly priced: Served } | undefined;
  #up = Promise.withResolvers<void>();
  #ahead = 0;

  private constructor(kit: GatewayKit, folder: string, moneyUrl: string, stack: ReleaseStack) {
    this.kit = kit;
    this.#folder = folder;
    this.#moneyUrl = moneyUrl;
    this.#stack = stack;
    this.#gateways = stack.use(new Killable("gateways-process.ts"));
    this.#relay = stack.use(new Killable("relay-process.ts"));
  }

  /** `isLost` says of each settlement whether its answer is lost. */
  static async open(isLost: () => boolean): Promise<DeliveryScene> {
    const stack = new ReleaseStack();
    const folder = await mkdtemp(join(tmpdir(), "engram-deliveries-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const kit = stack.use(await GatewayKit.open());
    let money: PretendMoney | undefined;
    const server = stack.use(
      await serveMoney(
        new Proxy({} as PretendMoney, {
          get: (_, name) => {
            const found: unknown = Reflect.get(money ?? {}, name);
            return typeof found === "function" ? found.bind(money) : found;
          },
        }),
        isLost,
      ),
    );
    const scene = new DeliveryScene(kit, folder, server.url, stack);
    money = scene.money;
    return scene;
  }

  get free(): Served {
    if (!this.#served) throw new Error("the gateways never started");
    return this.#served.free;
  }

  get priced(): Served {
    if (!this.#served) throw new Error("the gateways never started");
    return this.#served.priced;
  }

  /** Resolves while the gateways serve. */
  async up(): Promise<void> {
    await this.#up.promise;
  }

  async startGateways(): Promise<void> {
    const portOf = (served: Served | undefined) => Number(new URL(served?.url ?? "http://127.0.0.1:0").port || 0);
    const options: GatewaysOptions = {
      chain: join(this.kit.folder, "chain.db"),
      folder: this.#folder,
      ports: [portOf(this.#served?.free), portOf(this.#served?.priced)],
      money: this.#moneyUrl,
      price: PRICE,
      payTo: this.payTo,
    };
    this.#served = JSON.parse(await nextLine(this.#gateways.start(options))) as { free: Served; priced: Served };
    this.#up.resolve();
  }

  async killGateways(): Promise<void> {
    this.#up = Promise.withResolvers();
    await this.#gateways.kill();
    await this.startGateways();
  }

  /** A relay that submits `count` outputs to the gateway with the price; `done` once all are delivered. */
  async startRelay(count: number): Promise<{ readonly done: Promise<string> }> {
    const options: RelayProcessOptions = {
      chain: join(this.kit.folder, "chain.db"),
      folder: join(this.#folder, "relay"),
      gateway: this.priced,
      money: this.#moneyUrl,
      count,
      aheadMs: this.#ahead,
    };
    this.#ahead += AHEAD_MS;
    const lines = this.#relay.start(options);
    const payer = (await nextLine(lines)) as `0x${string}`;
    if (this.money.balance(payer) === 0) this.money.fund(payer, count * PRICE);
    const done = nextLine(lines);
    // Of one that is killed nobody awaits the end.
    done.catch(() => undefined);
    return { done };
  }

  async killRelay(): Promise<void> {
    await this.#relay.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}
