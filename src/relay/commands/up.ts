import { resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import { type CommonOptions, dataCommand, positiveInteger, run } from "../../node/commands/kit.ts";
import { stopSignal } from "../../node/commands/stop-signal.ts";
import type { OpenDashboard } from "../local-subnet/dashboard-port.ts";
import type { SubnetPlan } from "../local-subnet/plan.ts";

interface Options extends CommonOptions {
  readonly blockMs: number;
  readonly miners: number;
  readonly validators: number;
  readonly payments: boolean;
  readonly restart: boolean;
  readonly price: string;
  readonly dashboard: boolean;
}

/**
 * `engram up`: a whole subnet on this machine, each of its parts a process of its own. The dashboard lies above this
 * room: who builds the program says how to open it.
 */
export function upCommand(openDashboard: OpenDashboard): Command {
  return dataCommand("up", "run a whole subnet on this machine: chain, miners, validators, gateway, test dollars")
    .option("--block-ms <number>", "milliseconds between blocks, of a new subnet", positiveInteger, 1_000)
    .option("--miners <count>", "how many miners", positiveInteger, 3)
    .option("--validators <count>", "how many validators; two agree with each other", positiveInteger, 2)
    .option("--price <dollars>", "test dollars that a submission costs", price, "0.001")
    .option("--no-payments", "without the payment chain: submissions are free")
    .option("--no-restart", "leave a process that ends alone")
    .option("--no-dashboard", "without pages for a browser")
    .addHelpText("after", help)
    .action((options: Options) => run(options, () => up(options, openDashboard)));
}

const help = `
Servers and commands on the same data folder find the subnet by themselves: engram mcp, store, relay, payments.
Each process but the chains has /metrics, /health and /ready; subnet/prometheus-targets.json tells Prometheus where.
Everything is kept in the folder subnet in it, with each process's log in subnet/logs. Ctrl-C stops all of it.
The link to the dashboard signs one browser in, once; the next one is shown when it was used.
With --json every line is an event: ready, process, status or dashboard (the next link).`;

const STATUS_MS = 2_000;

async function up(options: Options, openDashboard: OpenDashboard): Promise<void> {
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort(new Error("stopped")));
  // Whoever stops it while it starts got what was asked for.
  await serve(options, openDashboard, stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
}

async function serve(options: Options, openDashboard: OpenDashboard, signal: AbortSignal): Promise<void> {
  const [
    config,
    { startLocalSubnet },
    { dashboardOf },
    { systemClock },
    { StatusReader },
    { jsonView },
    { screenView },
  ] = await Promise.all([
    import("../../node/runtime/config.ts"),
    import("../local-subnet/local-subnet.ts"),
    import("../local-subnet/dashboard-port.ts"),
    import("../../node/runtime/clock.ts"),
    import("../local-subnet/status-reader.ts"),
    import("../local-subnet/subnet-view.ts"),
    import("../local-subnet/status-screen.ts"),
  ]);
  const environment = config.readEnvironment();
  const { json, home, dashboard: isShown, ...asked } = options;
  const plan: SubnetPlan = { ...asked, home: resolve(config.homeFolder(environment, home)) };
  const view = json === true ? jsonView((line) => void process.stdout.write(`${line}\n`)) : screenView(process.stdout);
  await using subnet = await startLocalSubnet(plan, { environment, clock: systemClock, onEvent: view.process, signal });
  await using dashboard = isShown
    ? await dashboardOf(subnet, openDashboard, { environment, onLink: view.dashboard })
    : null;
  view.ready(subnet, dashboard);
  await using status = new StatusReader(subnet);
  while (!signal.aborted) {
    view.status(await status.read());
    // Not the clock's sleep: it must keep this process alive while none of its children does.
    await setTimeout(STATUS_MS, undefined, { signal }).catch(() => undefined);
  }
  view.stopping();
}

function price(text: string): string {
  if (/^[0-9]{1,3}(\.[0-9]{1,6})?$/.test(text)) return text;
  throw new InvalidArgumentError('It must be an amount in dollars such as "0.001".');
}
