import { resolve } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import type { Environment } from "../runtime/config.ts";
import { Secret } from "../runtime/secret.ts";
import { readIfThere } from "./wallet-store.ts";

/** Asks whoever may know the password of a key file; undefined when nobody does. */
export type PasswordSource = (path: string) => Promise<Secret<string> | undefined>;

interface Options {
  readonly environment: Environment;
  /** A file whose first line is the password. */
  readonly passwordFile?: string | undefined;
  /** Asks a person. */
  readonly prompt?: PasswordSource;
}

/**
 * A password from the file named, else from btcli's variable for the key file's path, else from a person; never from an
 * argument, which other programs see. Errors of the source: `WALLET_UNREADABLE`, `KEY_PASSWORD_MISSING`.
 */
export function passwordSource({ environment, passwordFile, prompt }: Options): PasswordSource {
  return async (path) => {
    if (passwordFile !== undefined) return await fromFile(passwordFile);
    const variable = passwordVariable(path);
    const masked = environment[variable];
    if (masked !== undefined) return new Secret(unmask(masked, variable));
    return await prompt?.(path);
  };
}

/** The variable in which btcli keeps a key file's password. */
export function passwordVariable(path: string): string {
  return `BT_PW_${resolve(path).toUpperCase().replace(/[/.]/g, "_")}`;
}

/** btcli masks it with the variable's own name, which hides nothing from who can read both. */
function unmask(masked: string, variable: string): string {
  const name = Buffer.from(variable, "utf8");
  const bytes = Buffer.from(masked, "base64").map((byte, index) => byte ^ (name[index % name.length] ?? 0));
  return Buffer.from(bytes).toString("utf8");
}

async function fromFile(path: string): Promise<Secret<string>> {
  const [line = ""] = ((await readIfThere(path)) ?? "").split(/\r?\n/, 1);
  if (line !== "") return new Secret(line);
  throw new EngramError("KEY_PASSWORD_MISSING", `There is no password in ${path}.`, {
    fix: "Write the password on the first line of that file, and chmod it 600.",
  });
}
