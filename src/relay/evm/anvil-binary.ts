import { createRequire } from "node:module";
import { EngramError } from "../../crypto/errors.ts";

/** Node's names of machines in the names of the packages that carry the binary. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };
const PLATFORMS: Readonly<Record<string, string>> = { linux: "linux", darwin: "darwin", win32: "win32" };

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** The C library is glibc; musl (Alpine) cannot load the binary. */
  readonly glibc: boolean;
}

/** The machine this runs on. */
function thisMachine(): Machine {
  return { platform: process.platform, arch: process.arch, glibc: process.platform !== "linux" || hasGlibc() };
}

function hasGlibc(): boolean {
  // Collecting network interfaces can take seconds where names are looked up.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: unknown } };
  return typeof report.header?.glibcVersionRuntime === "string";
}

/**
 * The path of anvil's own binary: its wrapper script passes no SIGKILL on and would leave it behind.
 * Throws `PAYMENTS_UNAVAILABLE` where it cannot run or is not installed.
 */
export function anvilBinary(machine: Machine = thisMachine()): string {
  const platform = PLATFORMS[machine.platform];
  const arch = ARCHITECTURES[machine.arch];
  if (!platform || !arch) throw unavailable(`does not run on ${machine.platform} ${machine.arch}`);
  if (!machine.glibc) throw unavailable("needs glibc, and this system has another C library (musl)");
  const suffix = platform === "win32" ? ".exe" : "";
  try {
    return createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${platform}-${arch}/bin/anvil${suffix}`);
  } catch (cause) {
    throw unavailable("is not installed", cause);
  }
}

export function unavailable(why: string, cause?: unknown): EngramError {
  return new EngramError("PAYMENTS_UNAVAILABLE", `the local payment chain (anvil) ${why}`, {
    fix: "run with --no-payments, or install @foundry-rs/anvil 1.7.1 with its optional dependencies on a glibc system",
    ...(cause === undefined ? {} : { cause }),
  });
}
