/** Below it the way around costs more than it saves. */
const LEAST_CHARACTERS = 64;
/** No double needs more, its comma included: a longer text holds more numbers than it may, and is not parsed first. */
const MOST_CHARACTERS_EACH = 32;

/**
 * The list of floats that begins at `start`, read by the engine's own parser, and where it ends; undefined when the list
 * may hold anything but floats, or more than `most` of them. An embedding is nearly all of a body, and token by token it
 * took as long as everything else of a request. Both parsers round a decimal to the same double; what only one of them
 * tells apart (an int from a float, digits beyond 2^53) is a whole number to the other, and such lists are left to ours.
 */
export function readFloats(
  text: string,
  start: number,
  most: number,
): { readonly floats: readonly number[]; readonly end: number } | undefined {
  const end = text.indexOf("]", start) + 1;
  if (end - start < LEAST_CHARACTERS || end - start > most * MOST_CHARACTERS_EACH) return undefined;
  const list = parsed(text.slice(start, end));
  if (list === undefined || list.length > most) return undefined;
  for (const item of list) {
    if (typeof item !== "number" || Math.floor(item) === item) return undefined;
  }
  return { floats: list as readonly number[], end };
}

function parsed(text: string): readonly unknown[] | undefined {
  try {
    return JSON.parse(text) as readonly unknown[];
  } catch {
    return undefined;
  }
}
