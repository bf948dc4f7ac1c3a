import type { Secret } from "../runtime/secret.ts";

/** Asks a person at the terminal for a key file's password; nobody answers where there is no terminal. */
export async function askPassword(path: string): Promise<Secret<string> | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const [{ password }, { Secret: Holder }] = await Promise.all([
    import("@clack/prompts"),
    import("../runtime/secret.ts"),
  ]);
  const answer = await password({ message: `The password of ${path} (it is not shown)`, output: process.stderr });
  return typeof answer === "string" ? new Holder(answer) : undefined;
}
