import type { Secret } from "../../node/runtime/secret.ts";
import type { SubnetDashboard } from "./dashboard-port.ts";
import type { LocalSubnet } from "./local-subnet.ts";
import type { SubnetStatus } from "./status-reader.ts";
import type { ProcessEvent } from "./supervised.ts";

/** What shows a subnet to whoever started it. */
export interface SubnetView {
  readonly process: (event: ProcessEvent) => void;
  readonly ready: (subnet: LocalSubnet, dashboard: SubnetDashboard | null) => void;
  /** Somebody signed in: this is the next link. */
  readonly dashboard: (link: Secret<string>) => void;
  readonly status: (status: SubnetStatus) => void;
  readonly stopping: () => void;
}

/** Shows every event as one line of JSON. */
export function jsonView(write: (line: string) => void): SubnetView {
  const event = (name: string, fields: object) => write(JSON.stringify({ event: name, ...fields }));
  return {
    process: ({ name, state, pid }) => event("process", { name, state, pid }),
    ready: (subnet, dashboard) =>
      event("ready", {
        ...readyFields(subnet),
        dashboard: dashboard && { url: dashboard.url, link: dashboard.link().reveal() },
      }),
    dashboard: (link) => event("dashboard", { link: link.reveal() }),
    status: (status) => event("status", status),
    stopping: () => undefined,
  };
}

function readyFields({ plan, chain, gateway, money, processes }: LocalSubnet) {
  const { token, url: rpcUrl } = money?.evm() ?? {};
  const payments =
    money && token
      ? { rpcUrl, payTo: money.accounts.payTo, asset: token.asset, network: token.network, price: money.price }
      : null;
  return {
    home: plan.home,
    chain,
    gateway,
    payments,
    processes: processes.map(({ name, running }) => ({
      name,
      pid: running?.pid ?? null,
      url: running?.url ?? null,
      hotkey: running?.hotkey ?? null,
      payer: money?.accounts.payers[name] ?? null,
    })),
    payer: money?.accounts.payers["agent"] ?? null,
  };
}
