import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { openChain } from "../../node/chain/open-chain.ts";
import { openCommandClient } from "../../node/commands/open-client.ts";
import type { Environment } from "../../node/runtime/config.ts";
import { readSubnetOptions } from "../../node/runtime/config-chain.ts";
import { ReleaseStack } from "../../node/runtime/release-stack.ts";
import { homeEnvironment } from "../../node/runtime/saved-subnet.ts";
import { openValidatorStore } from "../../node/validator/store/validator-store.ts";
import { openBooks } from "../open-books.ts";
import { openFeed } from "../open-relaying.ts";
import type { DashboardSources, NodeFolder, ShownProcess } from "./sources.ts";

export interface OpenSourcesOptions {
  readonly home: string;
  readonly logLevel: string;
  readonly environment: Environment;
  readonly processes?: () => readonly ShownProcess[];
}

/** What lies in the data folder `home`, and the subnet that the environment or else that folder names. */
export function openSources(options: OpenSourcesOptions): DashboardSources & AsyncDisposable {
  const { home, logLevel, environment: named, processes } = options;
  const stack = new ReleaseStack();
  const kept = new Map<string, Promise<AsyncDisposable | undefined>>();
  /** Opened once; what is not there yet, or failed, is looked for again by the next page. */
  const once = <T extends AsyncDisposable>(key: string, open: () => Promise<T | undefined>): Promise<T | undefined> => {
    const opening = (kept.get(key) as Promise<T | undefined> | undefined) ?? open();
    if (!kept.has(key)) {
      kept.set(key, opening);
      opening.then(
        (made) => (made ? stack.use(made) : kept.delete(key)),
        () => kept.delete(key),
      );
    }
    return opening;
  };
  const needed = async <T extends AsyncDisposable>(key: string, open: () => Promise<T>): Promise<T> => {
    const made = await once(key, open);
    if (!made) throw new TypeError(`${key} opens`);
    return made;
  };
  return {
    memory: () => needed("memory", () => openCommandClient(home, undefined, named)),
    chain: async () => {
      const environment = await homeEnvironment(home, named);
      const setting = environment["ENGRAM_CHAIN"];
      if (setting === undefined) return undefined;
      return needed(`chain ${setting}`, async () =>
        openChain(setting, home, undefined, readSubnetOptions(environment)),
      );
    },
    nodes: () => nodesOf(home),
    books: ({ folder }) => once(`books ${folder}`, () => openBooks(folder, home, named)),
    validator: ({ folder }) =>
      once(`validator ${folder}`, async () => {
        const path = join(folder, "validator.db");
        return (await isThere(path)) ? openValidatorStore(path) : undefined;
      }),
    feed: () => needed("feed", () => openFeed(home, logLevel, named)),
    ...(processes ? { processes } : {}),
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(kept.values());
      await stack[Symbol.asyncDispose]();
    },
  };
}

/** Most validators of a local subnet that are shown. */
const MAX_NODES = 32;

async function nodesOf(home: string): Promise<readonly NodeFolder[]> {
  const subnet = join(home, "subnet");
  const names = await readdir(subnet).catch(() => []);
  const validators = names.filter((name) => /^validator-\d{1,4}$/.test(name)).sort(byNumber);
  return [
    { name: "agent", folder: home },
    { name: "validator", folder: join(home, "validator") },
    ...validators.slice(0, MAX_NODES).map((name) => ({ name, folder: join(subnet, name) })),
  ];
}

function byNumber(one: string, other: string): number {
  return Number(one.split("-")[1]) - Number(other.split("-")[1]);
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
