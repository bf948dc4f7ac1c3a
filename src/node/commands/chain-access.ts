import { EngramError } from "../../crypto/errors.ts";
import type { SignerOf } from "../chain/local/http-local-chain.ts";
import type { ChainClient } from "../ports.ts";
import type { Environment } from "../runtime/config.ts";

/** The chain that a command was told of. */
interface CommandChain extends AsyncDisposable {
  readonly chain: ChainClient;
  readonly isSimulated: boolean;
  readonly netuid: number | undefined;
}

export interface ChainAccess {
  readonly home: string;
  /** With what the data folder's local subnet saved beneath it. */
  readonly environment: Environment;
  /** Connects when it is first asked; `maxTao` puts another price cap over `ENGRAM_MAX_REGISTRATION_TAO`. */
  open(signerOf?: SignerOf, maxTao?: number): Promise<CommandChain>;
}

/** Reads which chain is meant: `ENGRAM_CHAIN`, else that of the folder's `engram up`. Throws `CONFIG_INVALID`. */
export async function readChainAccess(homeOption: string | undefined): Promise<ChainAccess> {
  const [{ homeFolder, readEnvironment }, { homeEnvironment }] = await Promise.all([
    import("../runtime/config.ts"),
    import("../runtime/saved-subnet.ts"),
  ]);
  const variables = readEnvironment();
  const home = homeFolder(variables, homeOption);
  const environment = await homeEnvironment(home, variables);
  const setting = environment["ENGRAM_CHAIN"];
  if (setting === undefined) {
    throw new EngramError("CONFIG_INVALID", "no chain is named", {
      fix: "set ENGRAM_CHAIN to finney, test, wss:// addresses, or local",
    });
  }
  return {
    home,
    environment,
    async open(signerOf, maxTao) {
      const [{ openChain }, { readSubnetOptions }, { networkOf }] = await Promise.all([
        import("../chain/open-chain.ts"),
        import("../runtime/config-chain.ts"),
        import("../chain/subtensor/networks.ts"),
      ]);
      const subnet = readSubnetOptions(environment);
      const cap = maxTao === undefined ? {} : { maxRegistrationTao: maxTao };
      const chain = openChain(setting, home, signerOf, { ...subnet, ...cap });
      const network = networkOf(setting);
      return {
        chain,
        isSimulated: network === undefined,
        netuid: network && (network.netuid ?? subnet.netuid),
        [Symbol.asyncDispose]: () => chain[Symbol.asyncDispose](),
      };
    },
  };
}
