import { type ChildProcess, spawn } from "node:child_process";

/** Reads until its input ends, which is when the one who holds the other end is gone. */
const WATCH = 'while read -r _; do :; done; kill -9 "$1" 2>/dev/null';

/**
 * Ends `child` when this process ends, also by SIGKILL: for programs that watch no channel themselves. On Windows
 * children end with their parent anyway.
 */
export function endWithParent(child: ChildProcess): void {
  if (process.platform === "win32" || child.pid === undefined) return;
  const watcher = spawn("/bin/sh", ["-c", WATCH, "sh", `${child.pid}`], {
    stdio: ["pipe", "ignore", "ignore"],
    env: {},
    // Ctrl-C in a terminal must not end the watcher before the one it watches.
    detached: true,
  });
  // Without a shell nothing watches; the next start on the same folder still ends what was left.
  watcher.on("error", () => undefined);
  watcher.stdin?.on("error", () => undefined);
  // Its number may become another program's.
  child.once("exit", () => watcher.kill("SIGKILL"));
  watcher.unref();
  if (watcher.stdin && "unref" in watcher.stdin && typeof watcher.stdin.unref === "function") watcher.stdin.unref();
}
