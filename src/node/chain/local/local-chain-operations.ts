import { randomBytes } from "node:crypto";
import { EngramError } from "../../../crypto/errors.ts";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";
import type { Neuron } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** As many as a subnet of the real chain may be configured to have. */
const MAX_NEURONS = 4_096;

export interface Genesis {
  /** `local:` and 128 random bits. */
  readonly identity: string;
  /** Unix milliseconds. */
  readonly at: number;
}

interface NeuronRow {
  readonly uid: number;
  readonly hotkey: Hotkey;
  readonly coldkey: Hotkey;
  readonly endpoint: string | null;
}

/** The simulated chain's state, shared by every process that opens its file. `now` dates a chain that is new. */
export function createLocalChainOperations(database: SqliteDatabase, now: number) {
  const begin = database.prepare<[string, number]>(
    "INSERT INTO genesis (number, identity, at) VALUES (0, ?, ?) ON CONFLICT DO NOTHING",
  );
  begin.run(`local:${randomBytes(16).toString("hex")}`, now);
  const genesis = database.prepare<[], Genesis>("SELECT identity, at FROM genesis");
  const all = database.prepare<[], NeuronRow>("SELECT uid, hotkey, coldkey, endpoint FROM neuron ORDER BY uid");
  const byHotkey = database.prepare<[string], NeuronRow>("SELECT * FROM neuron WHERE hotkey = ?");
  const lowestFree = database
    .prepare<[], number>(
      `SELECT min(uid) FROM (SELECT 0 AS uid UNION ALL SELECT uid + 1 FROM neuron)
      WHERE uid NOT IN (SELECT uid FROM neuron)`,
    )
    .pluck();
  const insert = database.prepare<[number, string, string]>(
    "INSERT INTO neuron (uid, hotkey, coldkey) VALUES (?, ?, ?)",
  );
  const serve = database.prepare<[string, string]>("UPDATE neuron SET endpoint = ? WHERE hotkey = ?");

  return {
    reads: {
      genesis: (_: null): Genesis => {
        const found = genesis.get();
        if (!found) throw new EngramError("CHAIN_UNREADABLE", "the local chain's file has no genesis");
        return found;
      },
      neurons: (_: null): readonly Neuron[] => all.all().map(toNeuron),
      uidOf: ({ hotkey }: { readonly hotkey: Hotkey }): number | null => byHotkey.get(hotkey)?.uid ?? null,
    },
    writes: {
      register: ({ hotkey, coldkey }: { readonly hotkey: Hotkey; readonly coldkey: Hotkey }): number => {
        if (!isHotkey(hotkey) || !isHotkey(coldkey)) {
          throw new EngramError("CHAIN_KEY_INVALID", "this is no SS58 address", { fix: "check both keys" });
        }
        const known = byHotkey.get(hotkey);
        if (known && known.coldkey !== coldkey) {
          throw new EngramError("CHAIN_COLDKEY", "this hotkey is registered under another coldkey", {
            fix: "use the coldkey it was registered with, or another hotkey",
          });
        }
        if (known) return known.uid;
        const uid = lowestFree.get() ?? 0;
        if (uid >= MAX_NEURONS) {
          throw new EngramError("CHAIN_FULL", `the local chain holds at most ${MAX_NEURONS} neurons`, {
            fix: "use another data folder",
          });
        }
        insert.run(uid, hotkey, coldkey);
        return uid;
      },
      serveAxon: ({ hotkey, endpoint }: { readonly hotkey: Hotkey; readonly endpoint: string }): void => {
        if (serve.run(parseEndpoint(endpoint), hotkey).changes === 1) return;
        throw new EngramError("CHAIN_NOT_REGISTERED", "this hotkey is not registered on the chain", {
          fix: "register it first",
        });
      },
    },
  };
}

export type LocalChainOperations = ReturnType<typeof createLocalChainOperations>;

/** Nobody has stake here, and nobody validates: the tier of everyone is anonymous (design: chain). */
function toNeuron({ uid, hotkey, coldkey, endpoint }: NeuronRow): Neuron {
  return { uid, hotkey, coldkey, endpoint, stakeTao: 0, validatorPermit: false, incentive: 0 };
}

/** What an axon can say on any chain: a host and a port, nothing behind them. */
function parseEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isBare = url && (url.href === `${url.origin}/` || url.href === url.origin);
  if (isBare && url.protocol === "http:") return `http://${url.hostname}:${url.port || 80}`;
  throw new EngramError("CHAIN_ENDPOINT", "an axon is served at http://host:port", {
    fix: "give the address and port under which other machines reach this miner",
  });
}
