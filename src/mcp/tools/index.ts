import type { Tool } from "../tool.ts";
import { archiveTool } from "./archive.ts";
import { deleteTool } from "./delete.ts";
import { getTool } from "./get.ts";
import { intelligenceTool } from "./intelligence.ts";
import { keyRecoverTool } from "./key-recover.ts";
import { keySplitTool } from "./key-split.ts";
import { listTool } from "./list.ts";
import { namespacesTool } from "./namespaces.ts";
import { queryTool } from "./query.ts";
import { relayStatusTool } from "./relay-status.ts";
import { relaySubmitTool } from "./relay-submit.ts";
import { statusTool } from "./status.ts";
import { storeTool } from "./store.ts";
import { verifyTool } from "./verify.ts";

/** Every tool, in the order clients see them: what an agent uses most comes first. */
export const allTools: readonly Tool[] = [
  queryTool,
  storeTool,
  getTool,
  listTool,
  deleteTool,
  namespacesTool,
  archiveTool,
  verifyTool,
  keySplitTool,
  keyRecoverTool,
  relaySubmitTool,
  relayStatusTool,
  intelligenceTool,
  statusTool,
];
