import { MetricSet } from "../node/runtime/metric-set.ts";
import type { CallOutcome } from "./server-options.ts";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** An MCP server's Prometheus metrics: its tools, by name. */
export class McpMetrics extends MetricSet {
  readonly #calls = this.counter(
    "engram_mcp_calls_total",
    "Tool calls by what became of them: ok, asked, refused, unpaid, failed",
    ["tool", "outcome"],
  );
  readonly #durations = this.histogram("engram_mcp_call_duration_seconds", "Time of a tool call", SECONDS, ["tool"]);

  called(tool: string, outcome: CallOutcome, seconds: number): void {
    this.#calls.inc({ tool, outcome });
    this.#durations.observe({ tool }, seconds);
  }
}
