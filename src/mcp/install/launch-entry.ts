/** How a client starts the server. */
export interface LaunchEntry {
  readonly command: string;
  readonly args: readonly string[];
}

export interface Launcher {
  readonly platform: NodeJS.Platform;
  /** The Node that runs now, absolute. */
  readonly node: string;
  /** `bin/engram.js`, absolute. */
  readonly script: string;
  readonly packageName: string;
  /** Installed without what only nodes and payers need. */
  readonly light: boolean;
  /** A data folder other than the default. */
  readonly home?: string | undefined;
}

/** npx unpacks into a cache that it clears when it likes: nothing there may be named in a configuration. */
const NPX_CACHE = /[\\/]_npx[\\/]/;

/**
 * The entry that starts this installation. Both paths are absolute, since programs with a window rarely have the shell's
 * search path. From npx's cache it is npx again, which Windows starts through its shell alone; it fetches as much as now.
 */
export function launchEntry({ platform, node, script, packageName, light, home }: Launcher): LaunchEntry {
  const own = ["mcp", ...(home === undefined ? [] : ["--home", home])];
  if (!NPX_CACHE.test(script)) return { command: node, args: [script, ...own] };
  const npx = ["npx", "-y", ...(light ? ["--omit=optional"] : []), packageName, ...own];
  if (platform === "win32") return { command: "cmd", args: ["/c", ...npx] };
  return { command: "npx", args: npx.slice(1) };
}
