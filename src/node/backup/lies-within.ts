import path from "node:path";

/**
 * Whether `target` is `folder` or lies in it; both are absolute and without links. `paths` are those of the platform asked
 * about: on Windows there is no way from one drive to another, and what `relative` gives then is absolute.
 */
export function liesWithin(folder: string, target: string, paths: path.PlatformPath = path): boolean {
  const way = paths.relative(folder, target);
  return way === "" || (way !== ".." && !way.startsWith(`..${paths.sep}`) && !paths.isAbsolute(way));
}
