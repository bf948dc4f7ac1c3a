import type { MemoryClient } from "../memory.ts";
import { memoryLine } from "./memory-line.ts";

/** Bytes are handed on in pieces of about this size. */
const CHUNK_CHARACTERS = 64 * 1024;

/** The memories of a namespace (or all), oldest first, as JSON Lines in chunks of whole lines. */
export async function* exportMemories(
  client: Pick<MemoryClient, "export">,
  namespace: string | undefined,
  onMemory: () => void,
): AsyncGenerator<string> {
  let chunk = "";
  for await (const memory of client.export(namespace)) {
    chunk += `${memoryLine(memory)}\n`;
    onMemory();
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}
