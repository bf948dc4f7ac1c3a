import { EngramError } from "../../crypto/errors.ts";

/**
 * What a part of Engram says whose package was left out of the installation (`--omit=optional` keeps the person who only
 * runs `engram mcp` at half the size); null for any other error. Parts are loaded at their first use, so that nothing
 * else notices.
 */
export function missingPackage(error: unknown): EngramError | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  if (error.code !== "ERR_MODULE_NOT_FOUND" && error.code !== "MODULE_NOT_FOUND") return null;
  const [, name] = /^Cannot find (?:package|module) '((?:@[\w.-]+\/)?[\w.-]+)/.exec(error.message) ?? [];
  if (name === undefined) return null;
  return new EngramError("PACKAGE_MISSING", `this part of Engram needs the package ${name}, which is not installed`, {
    fix: `install it where Engram is installed (npm install ${name}), or Engram again without --omit=optional`,
  });
}
