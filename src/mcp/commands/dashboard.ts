import { Command, InvalidArgumentError } from "commander";
import type { CommonOptions } from "../../node/commands/kit.ts";

interface Options extends CommonOptions {
  readonly port: number;
  readonly host: string;
  readonly allowHost?: readonly string[];
}

/** As `engram mcp --http` and the ports of nodes: one that nobody else of ours takes. */
const DEFAULT_PORT = 4320;

/** `engram dashboard`: what this home holds, relays and pays, in a browser. */
export function dashboardCommand(): Command {
  return new Command("dashboard")
    .description("show memories, copies, network, relay, intelligence and payments in a browser")
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--port <number>", "listen there; 0 takes a free one", port, DEFAULT_PORT)
    .option(
      "--host <address>",
      "listen on this address; beyond loopback put a server that speaks TLS before it",
      "127.0.0.1",
    )
    .option("--allow-host <names>", "names by which browsers may address it, separated by commas", words)
    .option("--json", "print addresses as lines of JSON")
    .addHelpText("after", help)
    .action(async (options: Options) => {
      const { run } = await import("../../node/commands/kit.ts");
      await run(options, () => serve(options));
    });
}

const help = `
The link that is printed signs one browser in, once; the next link is printed when it was used. A browser stays signed in
for 12 hours after its last page, and until this command ends. Ctrl-C stops it. engram up serves the same pages.
See docs/dashboard.md.`;

async function serve(options: Options): Promise<void> {
  const [{ openDashboard }, { homeOf }, { stopSignal }] = await Promise.all([
    import("../dashboard/open-dashboard.ts"),
    import("../../node/commands/open-client.ts"),
    import("../../node/commands/stop-signal.ts"),
  ]);
  const stopped = stopSignal();
  const home = await homeOf(options.home);
  const tell = (text: string, fields: object) =>
    void process.stdout.write(options.json === true ? `${JSON.stringify(fields)}\n` : `${text}\n`);
  await using dashboard = await openDashboard({
    home,
    hostname: options.host,
    port: options.port,
    ...(options.allowHost ? { allowedHosts: options.allowHost } : {}),
    onLink: (next) =>
      tell(`Somebody signed in. The next link: ${next.reveal()}`, { event: "dashboard", link: next.reveal() }),
  });
  const { url } = dashboard;
  const link = dashboard.link().reveal();
  const text = `Dashboard of ${home}\n\n  ${link}\n\nThe link signs one browser in, once. Ctrl-C stops it.`;
  tell(text, { event: "ready", home, url, link });
  await stopped;
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError("It must be a port from 0 to 65535.");
}

function words(text: string): readonly string[] {
  return text.split(",").flatMap((word) => word.trim() || []);
}
