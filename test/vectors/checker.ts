/** One case of a vector file, as JSON gives it. */
export type VectorCase = Readonly<Record<string, unknown>>;

/** What a checker may say instead of returning: nothing in the product drives this case yet. */
export const notDriven = Symbol("not driven");

/** Drives the product's own modules with one case; throws where they differ from the reference. */
export interface Checker {
  /** The file's lists that hold cases. */
  readonly lists: readonly string[];
  readonly check: (vector: VectorCase, list: string) => unknown;
}

export function checker(
  check: (vector: VectorCase, list: string) => unknown,
  lists: readonly string[] = ["cases"],
): Checker {
  return { lists, check };
}
