import { Auth2Caller } from "../../protocol/auth2-caller.ts";
import type { HttpClient } from "../../runtime/http-client.ts";
import type { ReplicationContext } from "../open-client.ts";
import type { KnownMiner } from "../replication/miner-client.ts";
import { type KeyValues, MinerDirectory, type MinerView } from "../replication/miner-directory.ts";
import type { ReplicationParts } from "../replication/replicator.ts";
import { RequestSigner } from "../replication/signer.ts";
import { GrantCalls } from "./grant-calls.ts";

export interface GrantKeepersDeps {
  readonly context: ReplicationContext;
  readonly parts: () => Promise<ReplicationParts>;
  readonly values: KeyValues;
  readonly http: HttpClient;
  readonly deadlineMs?: number | undefined;
}

const CAPABILITY = "grant1";

/** Finds the miners that keep grants, and speaks to them; others are never asked. */
export class GrantKeepers {
  readonly #deps: GrantKeepersDeps;

  constructor(deps: GrantKeepersDeps) {
    this.#deps = deps;
  }

  /** This wallet's own, reachable or not. */
  async own(signal: AbortSignal): Promise<readonly MinerView[]> {
    const { directory } = await this.#deps.parts();
    return (await directory.refresh(signal)).filter((view) => !view.miner.embedded && keepsGrants(view));
  }

  /** Those that answer, of an owner's and of this wallet's own: they need not be the same. */
  async answering(owners: readonly KnownMiner[], signal: AbortSignal): Promise<readonly MinerView[]> {
    const { context, parts, values, http, deadlineMs } = this.#deps;
    const [{ sr25519, directory }, wallet] = await Promise.all([parts(), context.wallet()]);
    const own = (await directory.load()).map(({ miner }) => miner).filter(({ embedded }) => !embedded);
    const once = new Map([...owners, ...own].map((miner) => [miner.hotkey, miner]));
    const looking = new MinerDirectory({
      miners: async () => [...once.values()],
      ownMiner: async () => undefined,
      httpFor: () => http,
      signer: new RequestSigner(wallet, context.clock),
      sr25519,
      chainIdentity: () => context.chain().identity(),
      values,
      clock: context.clock,
      deadlineMs,
    });
    return (await looking.refresh(signal)).filter((view) => view.reachable && keepsGrants(view));
  }

  async calls(): Promise<GrantCalls> {
    const { http, deadlineMs } = this.#deps;
    return new GrantCalls({ http, caller: await this.caller(), deadlineMs });
  }

  async caller(): Promise<Auth2Caller> {
    const { context, parts } = this.#deps;
    const [{ sr25519 }, signer] = await Promise.all([parts(), context.wallet()]);
    return new Auth2Caller({ signer, sr25519, clock: context.clock });
  }
}

function keepsGrants({ trusted, caps }: MinerView): boolean {
  return trusted && caps.includes(CAPABILITY);
}
