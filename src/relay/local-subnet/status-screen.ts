import { createLogUpdate } from "log-update";
import type { Secret } from "../../node/runtime/secret.ts";
import { formatMicroDollars } from "../payment/micro-dollars.ts";
import { statusLines } from "./status-lines.ts";
import type { SubnetStatus } from "./status-reader.ts";
import type { SubnetView } from "./subnet-view.ts";

/** Shows a subnet to a person: one screen that stays up to date on a terminal, else a line for everything that happens. */
export function screenView(out: NodeJS.WriteStream): SubnetView {
  return out.isTTY ? liveScreen(out) : plainLines(out);
}

function liveScreen(out: NodeJS.WriteStream): SubnetView {
  const update = createLogUpdate(out);
  let starting: readonly string[] = [];
  let served = "";
  let link = "";
  return {
    process: ({ name, state, pid }) => {
      if (served !== "") return;
      starting = [...starting, `${name} ${state}${pid === null ? "" : ` (${pid})`}`];
      update(["The subnet starts.", ...starting].join("\n"));
    },
    ready: (subnet, dashboard) => {
      served = addresses(subnet);
      if (dashboard) link = dashboardLine(dashboard.link());
    },
    dashboard: (next) => {
      link = dashboardLine(next);
    },
    status: (status) => update([served, link, "", ...statusLines(status), "", "Ctrl-C stops it."].join("\n")),
    stopping: () => {
      update(`${served}\n\nThe subnet stops.`);
      update.done();
    },
  };
}

function plainLines(out: NodeJS.WriteStream): SubnetView {
  const line = (text: string) => void out.write(`${text}\n`);
  let before = "";
  return {
    process: ({ name, state, pid }) => line(`${name} ${state}${pid === null ? "" : ` (${pid})`}`),
    ready: (subnet, dashboard) => {
      line(addresses(subnet));
      if (dashboard) line(dashboardLine(dashboard.link()));
    },
    dashboard: (link) => line(dashboardLine(link)),
    status: (status) => {
      const news = summary(status);
      if (news !== before) line(news);
      before = news;
    },
    stopping: () => line("The subnet stops."),
  };
}

function dashboardLine(link: Secret<string>): string {
  return `dashboard ${link.reveal()}  (signs one browser in, once)`;
}

function addresses({ plan, chain, gateway, money }: Parameters<SubnetView["ready"]>[0]): string {
  const price = money === null ? "off" : `${formatMicroDollars(money.price)} test dollars a submission`;
  return [
    `The subnet of ${plan.home} serves.`,
    `chain     ${chain}`,
    `gateway   ${gateway.url}  ${gateway.hotkey}`,
    `payments: ${price}`,
  ].join("\n");
}

/** What is worth a line of its own when it changes; blocks are not. */
function summary({ miners, round, receipts, lastReceipt }: SubnetStatus): string {
  const last = lastReceipt && `, ${lastReceipt.signatures.have} of ${lastReceipt.signatures.need} signatures`;
  const paid = lastReceipt?.paid === true ? ", paid" : "";
  const ranking = round ? `, round ${round.roundId} ${round.state}` : "";
  return `${miners.reachable} of ${miners.of} miners${ranking}, ${receipts ?? "?"} receipts${last ?? ""}${paid}`;
}
