import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { openIntelligenceFeed } from "../../src/mcp/intelligence-feed.ts";
import { openRelayDesk } from "../../src/mcp/relay-desk.ts";
import type { OpenRelaying } from "../../src/mcp/relaying.ts";
import type { LocalChainSettings } from "../../src/node/chain/local/local-chain-settings.ts";
import { openChain } from "../../src/node/chain/open-chain.ts";
import { openWallet } from "../../src/node/chain/wallet.ts";
import { walletFolder } from "../../src/node/client/open-client.ts";
import type { Logger } from "../../src/node/runtime/logger.ts";
import { ReleaseStack } from "../../src/node/runtime/release-stack.ts";
import type { GatewayConfig } from "../../src/relay/gateway/gateway-config.ts";
import type { RunningGateway } from "../../src/relay/gateway/start-gateway.ts";
import { openRelayBooks } from "../../src/relay/relay-books.ts";
import { GatewayKit } from "../relay/gateway/gateway-kit.ts";
import { quiet } from "../support/client-bench.ts";
import { connect, type McpSession } from "../support/mcp-clients.ts";
import { serveForTest, type TestServerOptions } from "../support/mcp-server.ts";

/** A real gateway on a stepped chain, and servers whose callers relay to it. */
export class RelayBench implements AsyncDisposable {
  readonly kit: GatewayKit;
  readonly gateway: RunningGateway;
  readonly #stack: ReleaseStack;

  private constructor(kit: GatewayKit, gateway: RunningGateway, stack: ReleaseStack) {
    this.kit = kit;
    this.gateway = gateway;
    this.#stack = stack;
  }

  static async open(
    configure: (kit: GatewayKit) => Promise<Partial<GatewayConfig>> = async () => ({}),
    settings?: LocalChainSettings,
  ): Promise<RelayBench> {
    await using stack = new ReleaseStack();
    const kit = stack.use(await GatewayKit.open(settings));
    const gateway = stack.use(await kit.start({ config: await configure(kit) }));
    return new RelayBench(kit, gateway, stack.move());
  }

  get environment(): Readonly<Record<string, string>> {
    return { XERIS_RELAY_URL: this.gateway.url, ENGRAM_GATEWAY_HOTKEY: this.gateway.hotkey };
  }

  /** A caller's folder: gone with the bench. */
  async home(): Promise<string> {
    return await mkdtemp(join(this.kit.folder, "home-"));
  }

  /** As the shipped server opens it, but with these variables alone. */
  relaying(
    home: string,
    more: Readonly<Record<string, string | undefined>> = {},
    log: Logger = quiet,
  ): OpenRelaying & { readonly opened: string[] } {
    const environment = { ...this.environment, ...more };
    const opened: string[] = [];
    return {
      opened,
      desk: async () => {
        opened.push("desk");
        const { hotkey, sign } = await openWallet(walletFolder(home));
        const chain = openChain("local", this.kit.folder);
        return await openRelayDesk({ folder: home, environment, chain, signer: { hotkey, sign }, log });
      },
      books: () => openRelayBooks(home, environment, Date.now),
      feed: () => openIntelligenceFeed({ environment, chain: openChain("local", this.kit.folder), log }),
      owing: async () => [],
    };
  }

  /** A server on a fake memory client that relays from `home`, and a session with it. */
  async session(home: string, options: TestServerOptions = {}): Promise<McpSession> {
    const stack = new ReleaseStack();
    const server = stack.use(await serveForTest({ relaying: this.relaying(home), ...options }));
    const { [Symbol.asyncDispose]: close, ...session } = await connect(server, "auto");
    stack.defer(close);
    return { ...session, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

export const inference = {
  type: "inference",
  model: "a-model",
  prompt: "what grows on the roof?",
  completion: "Bruno's tomatoes grow on the roof.",
} as const;
