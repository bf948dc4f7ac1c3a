import { createReadStream } from "node:fs";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { readLines } from "../../node/runtime/read-lines.ts";

/** What a hook of Claude Code is told on standard input; other fields are its own business. */
const hookInput = z.object({
  session_id: z.string().min(1).max(200),
  cwd: z.string().max(4_096).optional(),
  transcript_path: z.string().max(4_096).optional(),
});

/** Reads a hook's input. Errors: `HOOK_INPUT_INVALID`. */
export function parseHookInput(text: string): z.infer<typeof hookInput> {
  const read = hookInput.safeParse(parseJson(text));
  if (read.success) return read.data;
  throw new EngramError("HOOK_INPUT_INVALID", "the hook's input is not what Claude Code tells its hooks");
}

/** Something that was said in a session: what tools printed and what the client inserted itself is not. */
export interface Utterance {
  readonly speaker: "user" | "assistant";
  readonly text: string;
  /** Unix milliseconds. */
  readonly at?: number;
}

const textPart = z.object({ type: z.literal("text"), text: z.string() });
const entry = z.object({
  type: z.enum(["user", "assistant"]),
  isMeta: z.boolean().optional(),
  isSidechain: z.boolean().optional(),
  timestamp: z.iso.datetime({ offset: true }).optional(),
  message: z.object({ content: z.union([z.string(), z.array(z.unknown())]) }),
});

/** Commands of the client and their output stand in tags within the text of a turn. */
const CLIENT_TEXT = /^\s*<(command-|local-command|system-reminder|bash-)/;

/**
 * What was said in a transcript of Claude Code (JSON Lines), the last `limit` turns, oldest first. Lines of other kinds,
 * and lines that are no JSON, are passed over: the format is the client's and grows.
 */
export async function readTranscript(source: AsyncIterable<Uint8Array>, limit: number): Promise<readonly Utterance[]> {
  const said: Utterance[] = [];
  for await (const line of readLines(source)) {
    const found = line.text === null ? undefined : utterance(line.text);
    if (found === undefined) continue;
    said.push(found);
    if (said.length > limit) said.shift();
  }
  return said;
}

/** `readTranscript` of a file. Errors: `TRANSCRIPT_NOT_FOUND`, `TRANSCRIPT_UNREADABLE`. */
export async function readTranscriptFile(path: string, limit: number): Promise<readonly Utterance[]> {
  try {
    return await readTranscript(createReadStream(path), limit);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code === "ENOENT") throw new EngramError("TRANSCRIPT_NOT_FOUND", `no transcript was found at ${path}`);
    throw new EngramError("TRANSCRIPT_UNREADABLE", `the transcript cannot be read: ${error.message}`, { cause: error });
  }
}

function utterance(line: string): Utterance | undefined {
  const read = entry.safeParse(parseJson(line));
  if (!read.success || read.data.isMeta || read.data.isSidechain) return undefined;
  const { type, message, timestamp } = read.data;
  const text = textOf(message.content);
  if (text === "" || CLIENT_TEXT.test(text)) return undefined;
  return { speaker: type, text, ...(timestamp === undefined ? {} : { at: Date.parse(timestamp) }) };
}

function textOf(content: string | readonly unknown[]): string {
  if (typeof content === "string") return content.trim();
  const texts = content.flatMap((part) => {
    const read = textPart.safeParse(part);
    return read.success && !CLIENT_TEXT.test(read.data.text) ? [read.data.text] : [];
  });
  return texts.join("\n\n").trim();
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
