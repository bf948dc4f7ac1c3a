/** One case of a vector file, as JSON gives it. */
export type VectorCase = Readonly<Record<string, unknown>>;

/** What a checker may say instead of returning: nothing in the product drives this case yet. */
export const notDriven = Symbol("not driven");

/** What a checker returns when it has asserted a stricter result than the reference's. */
export interface Deviated {
  readonly weakness: string;
}

export function deviated(weakness: string): Deviated {
  return { weakness };
}

/** A checker whose cases build on each other: one a file, in the file's order. */
export interface CheckSession extends AsyncDisposable {
  readonly check: (vector: VectorCase, list: string) => unknown;
}

/** Drives the product's own modules with one case; throws where they differ from the reference. */
export type Checker = {
  /** The file's lists that hold cases. */
  readonly lists: readonly string[];
} & ({ readonly check: CheckSession["check"] } | { readonly open: () => Promise<CheckSession> });

export function isDeviated(result: unknown): result is Deviated {
  return typeof result === "object" && result !== null && "weakness" in result;
}

export function checker(
  check: (vector: VectorCase, list: string) => unknown,
  lists: readonly string[] = ["cases"],
): Checker {
  return { lists, check };
}
