import type { TraceConfig } from "./config-traces.ts";
import { missingPackage } from "./missing-package.ts";
import { useTracer } from "./tracing.ts";

export interface StartTracesDeps {
  /** The process's part of Engram, as `engram-miner`: its name in traces where the operator gives none. */
  readonly part: string;
  readonly warn: (fields: object, sentence: string) => void;
  /** The part that needs the libraries. */
  readonly load?: () => Promise<typeof import("./otlp-traces.ts")>;
}

/**
 * Records and sends this process's spans from now on, where `config` says where to; the libraries are loaded then alone.
 * Disposing sends what waits, for two seconds at most. A process serves without traces as well: what is missing is told.
 */
export async function startTraces(
  config: TraceConfig | undefined,
  { part, warn, load = () => import("./otlp-traces.ts") }: StartTracesDeps,
): Promise<AsyncDisposable> {
  if (config === undefined) return { [Symbol.asyncDispose]: async () => undefined };
  try {
    const { OtlpTraces } = await load();
    const traces = new OtlpTraces({ ...config, serviceName: config.serviceName ?? part }, { warn });
    const forget = useTracer(traces);
    return {
      [Symbol.asyncDispose]: async () => {
        forget();
        await traces[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    const missing = missingPackage(error);
    if (missing === null) throw error;
    warn({ code: missing.code, reason: missing.message, fix: missing.fix }, "this process runs without traces");
    return { [Symbol.asyncDispose]: async () => undefined };
  }
}
