import { statfs } from "node:fs/promises";
import { collectDefaultMetrics } from "prom-client";
import { MetricSet, together } from "./metric-set.ts";

/** Node's own figures exist once a process, however many services it runs: their observers never end. */
let node: NodeMetrics | undefined;

class NodeMetrics extends MetricSet {
  constructor() {
    super();
    collectDefaultMetrics({ register: this.registry });
  }
}

/** Event loop, memory, processor and files of this process, and the disk that `folder` lies on. */
export function processMetrics(folder: string): MetricSet {
  node ??= new NodeMetrics();
  const metrics = new MetricSet();
  metrics.join(node);
  const disk = together(async () => await statfs(folder));
  metrics.reading("engram_disk_free_bytes", "Free space of the data folder's disk", async () => {
    const { bavail, bsize } = await disk();
    return bavail * bsize;
  });
  metrics.reading("engram_disk_size_bytes", "Size of the data folder's disk", async () => {
    const { blocks, bsize } = await disk();
    return blocks * bsize;
  });
  return metrics;
}
