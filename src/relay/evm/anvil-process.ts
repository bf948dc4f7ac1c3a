import { type ChildProcess, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { anvilBinary, unavailable } from "./anvil-binary.ts";
import { endWithParent } from "./end-with-parent.ts";

export interface AnvilOptions {
  readonly chainId: number;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface AnvilProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process has ended, whoever ended it. */
  readonly ended: Promise<void>;
}

const START_MS = 15_000;
const STOP_MS = 5_000;
const LISTENING = /^Listening on (127\.0\.0\.1:\d+)$/m;
/** Its greeting is far shorter; what follows is one line a request and is not kept. */
const MAX_GREETING = 16_384;

/** Starts anvil on loopback, without accounts of its own. Throws `PAYMENTS_UNAVAILABLE`. */
export async function startAnvil({ chainId, port }: AnvilOptions): Promise<AnvilProcess> {
  const args = ["--host", "127.0.0.1", "--port", `${port}`, "--chain-id", `${chainId}`, "--accounts", "0"];
  // It gets nothing of our environment: there may be secrets in it.
  const env = { HOME: tmpdir(), NO_COLOR: "1" };
  // Not in the terminal's group: Ctrl-C is for its owner, who saves its state before it ends.
  const detached = process.platform !== "win32";
  const child = spawn(anvilBinary(), args, { stdio: ["ignore", "pipe", "ignore"], env, detached, windowsHide: true });
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  endWithParent(child);
  const address = await listening(child).catch(async (error: unknown) => {
    child.kill("SIGKILL");
    throw error;
  });
  child.unref();
  return {
    url: `http://${address}`,
    pid: child.pid ?? 0,
    ended,
    [Symbol.asyncDispose]: () => stop(child, ended),
  };
}

async function listening(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const late = setTimeout(() => reject(unavailable(`did not start within ${START_MS} ms`)), START_MS);
  child.once("error", (cause) => reject(unavailable("could not be started", cause)));
  child.once("exit", (code) => reject(unavailable(`ended at once (exit code ${code ?? "none"})`)));
  let greeting = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    if (greeting.length > MAX_GREETING) return;
    greeting += text;
    const [, address] = LISTENING.exec(greeting) ?? [];
    if (address !== undefined) resolve(address);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(late);
  }
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(late);
}
