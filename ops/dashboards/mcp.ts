import { dashboard, percentiles, rates } from "./panels.ts";
import { processSection } from "./process.ts";

export const mcp = dashboard("mcp", "Engram / MCP server", "engram_mcp_calls_total", [
  {
    title: "Tools",
    graphs: [
      {
        title: "Calls by tool",
        unit: "ops",
        about: "Over HTTP; a server on stdio has no listener.",
        lines: rates("engram_mcp_calls_total", "tool"),
      },
      {
        title: "Calls by outcome",
        unit: "ops",
        about: "asked: a person was asked first. unpaid: told its price. failed: a fault of this program.",
        lines: rates("engram_mcp_calls_total", "outcome"),
      },
      {
        title: "Time of a call",
        unit: "s",
        about: "By tool.",
        lines: percentiles("engram_mcp_call_duration_seconds", "tool"),
      },
    ],
  },
  processSection,
]);
