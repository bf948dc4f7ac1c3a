/**
 * The arguments of an entry that is installed over another one: how the server is started is ours, what stands behind
 * `mcp` is the person's and stays. Only a data folder that is named now takes the place of theirs. Arguments without
 * `mcp` start something else; nothing of these stays.
 */
export function keptArguments(held: unknown, wanted: readonly string[]): readonly string[] {
  const theirs = behindMcp(held);
  const named = behindMcp(wanted);
  if (theirs === undefined || named === undefined) return wanted;
  const start = wanted.slice(0, wanted.length - named.length);
  const home = homes(named).at(-1);
  if (home === undefined || homes(theirs).at(-1) === home) return [...start, ...theirs];
  return [...start, ...named, ...withoutHome(theirs)];
}

function behindMcp(args: unknown): readonly string[] | undefined {
  if (!Array.isArray(args) || !args.every((one) => typeof one === "string") || !args.includes("mcp")) return undefined;
  return args.slice(args.indexOf("mcp") + 1);
}

const HOME = "--home";

/** The data folders that are named, as two arguments or as one; the server takes the last. */
function homes(args: readonly string[]): readonly string[] {
  return args.flatMap((one, index) => {
    if (one.startsWith(`${HOME}=`)) return [one.slice(HOME.length + 1)];
    const folder = one === HOME ? args[index + 1] : undefined;
    return folder === undefined ? [] : [folder];
  });
}

function withoutHome(args: readonly string[]): readonly string[] {
  return args.filter((one, index) => one !== HOME && !one.startsWith(`${HOME}=`) && args[index - 1] !== HOME);
}
