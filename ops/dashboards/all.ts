import { gateway } from "./gateway.ts";
import { mcp } from "./mcp.ts";
import { miner } from "./miner.ts";
import { network } from "./network.ts";
import { relay } from "./relay.ts";
import { validator } from "./validator.ts";

const dashboards = { network, miner, validator, relay, gateway, mcp };

/** The files of `ops/grafana`, by name. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(dashboards).map(([name, board]) => [`${name}.json`, `${JSON.stringify(board, null, 2)}\n`]),
  );
}
