import { usageError } from "./exit-codes.ts";

const MAX_CHARACTERS = 1_000_000;

/** Everything on standard input, as text. Refuses a terminal, where nobody would know that it waits. */
export async function readStandardInput(what: string): Promise<string> {
  if (process.stdin.isTTY) throw usageError(`${what} is missing`, "Write it behind the command, or pipe it in.");
  process.stdin.setEncoding("utf8");
  let text = "";
  for await (const chunk of process.stdin) {
    text += chunk as string;
    if (text.length > MAX_CHARACTERS) {
      throw usageError(`${what} is longer than ${MAX_CHARACTERS} characters`, 'Use "engram import" for many memories.');
    }
  }
  return text.replace(/\r?\n$/, "");
}
