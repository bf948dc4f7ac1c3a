/**
 * Whether what is signed for `theirs` counts on `ours`. Simulated chains are private to a folder and guard nothing, so
 * any of them is as good as another: a restored home gets a new one, and its miners and memories are still its own.
 */
export function sameChain(ours: string, theirs: string): boolean {
  return ours === theirs || (ours.startsWith("local:") && theirs.startsWith("local:"));
}
