import { resolve } from "node:path";
import { Command } from "commander";

interface Options {
  readonly json?: boolean;
  readonly payments: boolean;
  readonly consumer?: string;
}

/** `engram demo`: the whole story on this machine, each step checked. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("see it work: an agent remembers, forgets, is killed; then a whole subnet stands behind it")
    .option("--no-payments", "without the payment chain, where anvil cannot run")
    .option("--consumer <script>", "also run a program of yours on the subnet's feed; it is given --home <folder>")
    .option("--json", "print the result as one line of JSON")
    .addHelpText("after", help)
    .action(async (options: Options) => {
      const { run } = await import("../../node/commands/kit.ts");
      await run(options, () => demo(options));
    });
}

const help = `
About a minute, in a temporary folder that is gone afterwards: your own memories are not touched. Nothing leaves this
machine.`;

async function demo({ json = false, payments, consumer }: Options): Promise<void> {
  const [{ runDemo }, { stopSignal }, { print }, { EXIT }] = await Promise.all([
    import("../run-demo.ts"),
    import("../../node/commands/stop-signal.ts"),
    import("../../node/commands/output.ts"),
    import("../../node/commands/exit-codes.ts"),
  ]);
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  const tell = (line: string) => {
    if (!json) process.stdout.write(`${line}\n`);
  };
  const script = consumer === undefined ? undefined : resolve(consumer);
  const report = await runDemo({ payments, consumer: script, signal: stop.signal, tell });
  if (json) await print(true, report, () => "");
  if (!report.ok) process.exitCode = stop.signal.aborted ? EXIT.interrupted : EXIT.failure;
}
