import { CHOSEN, percentiles, type Section, values } from "./panels.ts";

/** What every process has: its place on the chain, its event loop, its memory and its disk. */
export const chainSection: Section = {
  title: "Chain",
  graphs: [
    {
      title: "Blocks",
      unit: "short",
      about: "The newest block and the newest final one, as the process hears of them.",
      lines: [
        [`engram_chain_head_block{${CHOSEN}}`, "{{instance}} head"],
        [`engram_chain_finalized_block{${CHOSEN}}`, "{{instance}} final"],
      ],
    },
    {
      title: "Connection",
      unit: "short",
      about: "1 while the chain answers.",
      lines: values("engram_chain_connected"),
    },
  ],
};

export const processSection: Section = {
  title: "Process",
  graphs: [
    {
      title: "Event loop lag",
      unit: "s",
      about: "The 99th percentile since the last scrape: how late everything is that the process does.",
      lines: values("nodejs_eventloop_lag_p99_seconds"),
    },
    {
      title: "Processor",
      unit: "percentunit",
      about: "Seconds of processor a second; threads may take more than one.",
      lines: [[`rate(process_cpu_seconds_total{${CHOSEN}}[$__rate_interval])`, "{{instance}}"]],
    },
    {
      title: "Memory",
      unit: "bytes",
      about: "Resident memory, with vectors and worker threads, and the main thread's used heap.",
      lines: [
        [`process_resident_memory_bytes{${CHOSEN}}`, "{{instance}} resident"],
        [`nodejs_heap_size_used_bytes{${CHOSEN}}`, "{{instance}} heap"],
      ],
    },
    {
      title: "Garbage collection",
      unit: "s",
      about: "Pauses of the main thread, by kind.",
      lines: percentiles("nodejs_gc_duration_seconds", "kind"),
    },
    {
      title: "Disk of the data folder",
      unit: "bytes",
      about: "What is free, and the whole.",
      lines: [
        [`engram_disk_free_bytes{${CHOSEN}}`, "{{instance}} free"],
        [`engram_disk_size_bytes{${CHOSEN}}`, "{{instance}} size"],
      ],
    },
    {
      title: "Open files and sockets",
      unit: "short",
      about: "Of those that the system allows.",
      lines: [
        [`process_open_fds{${CHOSEN}}`, "{{instance}}"],
        [`process_max_fds{${CHOSEN}}`, "{{instance}} allowed"],
      ],
    },
    {
      title: "Running since",
      unit: "dateTimeFromNow",
      about: "When the process started; a line that jumps is a restart.",
      lines: [[`process_start_time_seconds{${CHOSEN}} * 1000`, "{{instance}}"]],
    },
  ],
};
