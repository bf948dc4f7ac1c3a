import { isEngramError } from "../../../crypto/errors.ts";

/** What one check of `engram doctor` found. */
export interface Finding {
  readonly name: string;
  /** `broken` stops Engram from working or endangers memories; `warning` is for the person to weigh. */
  readonly state: "ok" | "warning" | "broken";
  readonly detail: string;
  /** One sentence that says what to do. */
  readonly fix?: string;
}

export function ok(name: string, detail: string): Finding {
  return { name, state: "ok", detail };
}

export function warning(name: string, detail: string, fix: string): Finding {
  return { name, state: "warning", detail, fix };
}

export function broken(name: string, detail: string, fix: string): Finding {
  return { name, state: "broken", detail, fix };
}

/** A check that failed in a way nobody foresaw is a finding too. */
export async function guarded(name: string, check: () => Promise<Finding>): Promise<Finding> {
  try {
    return await check();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = isEngramError(error) ? ` (${error.code})` : "";
    return broken(
      name,
      `${message}${code}`,
      (isEngramError(error) && error.fix) || "Ask again with ENGRAM_LOG_LEVEL=debug to see more.",
    );
  }
}
