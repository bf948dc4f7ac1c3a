import { join } from "node:path";
import type { Environment } from "../../node/runtime/config.ts";
import { withoutSubnet } from "../../node/runtime/saved-subnet.ts";
import type { Secret } from "../../node/runtime/secret.ts";
import type { LocalSubnet } from "./local-subnet.ts";
import { subnetFolder } from "./plan.ts";
import { choosePorts } from "./ports.ts";

/** The pages of a subnet's data folder, served. */
export interface SubnetDashboard extends AsyncDisposable {
  readonly url: string;
  /** Signs one browser in. */
  readonly link: () => Secret<string>;
}

/** A process of the subnet, as a page shows it. */
interface ProcessView {
  readonly name: string;
  readonly state: string;
  readonly pid: number | null;
  readonly url: string | null;
}

/** Opens the dashboard of a data folder; `onLink` is told the next link whenever one was used. */
export type OpenDashboard = (options: {
  readonly home: string;
  readonly port: number;
  /** Names no subnet: that of `home` is meant. */
  readonly environment: Environment;
  readonly processes: () => readonly ProcessView[];
  readonly onLink: (link: Secret<string>) => void;
}) => Promise<SubnetDashboard>;

const DASHBOARD = "dashboard";

/** The dashboard of `subnet`, on a port that stays its own. Errors: `HTTP_LISTEN`. */
export async function dashboardOf(
  subnet: LocalSubnet,
  open: OpenDashboard,
  { environment, onLink }: { readonly environment: Environment; readonly onLink: (link: Secret<string>) => void },
): Promise<SubnetDashboard> {
  const ports = await choosePorts(join(subnetFolder(subnet.plan), "ports.json"), [DASHBOARD]);
  return await open({
    home: subnet.plan.home,
    port: ports[DASHBOARD] ?? 0,
    environment: withoutSubnet(environment),
    processes: () =>
      subnet.processes.map(({ name, state, running }) => ({
        ...{ name, state, pid: running?.pid ?? null, url: running?.url ?? null },
      })),
    onLink,
  });
}
