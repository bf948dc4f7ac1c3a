import { writeFile } from "node:fs/promises";
import { dashboardFiles } from "./all.ts";

/** `npm run dashboards`: writes `ops/grafana` anew. */
for (const [name, text] of dashboardFiles()) await writeFile(new URL(`../grafana/${name}`, import.meta.url), text);
