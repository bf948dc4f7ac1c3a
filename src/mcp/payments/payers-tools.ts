import type { Tool } from "../tool.ts";

/** What touches nobody's memories. */
const PUBLIC_TOOLS: ReadonlySet<string> = new Set(["engram_query", "engram_intelligence", "engram_relay_submit"]);

/** Whether those who only pay may call a tool: a public one with a price, or what asks about a job they paid for. */
export function isForPayers({ name }: Pick<Tool, "name">, sold: ReadonlySet<string>): boolean {
  if (name === "engram_relay_status") return sold.has("engram_relay_submit");
  return sold.has(name) && PUBLIC_TOOLS.has(name);
}
