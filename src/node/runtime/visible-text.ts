/** Scripts whose words hold joiners (U+200C, U+200D); between emoji they hold too. Elsewhere they only hide text. */
const joining = [
  ..."Arabic Syriac Devanagari Bengali Gujarati Gurmukhi Kannada Malayalam Oriya Sinhala Tamil Telugu Khmer Myanmar"
    .split(" ")
    .map((script) => `\\p{Script=${script}}`),
  "\\p{Extended_Pictographic}",
].join("");
const wordJoiner = new RegExp(`(?<=[${joining}]|\\p{Emoji_Modifier}|\\ufe0f)[\\u200c\\u200d](?=[${joining}])`, "gu");

/** Controls but line feed and tab, format characters (bidi, zero width, tags), fillers, line separators. */
const hidden = /[^\P{Cc}\n\t]|\p{Cf}|\u034f|\u115f|\u1160|\u17b4|\u17b5|\u3164|\uffa0|\u2028|\u2029/gu;
/** Variation selectors encode bytes invisibly; only the emoji one after an emoji shows anything. */
const selectors = /[\ufe00-\ufe0e]|[\u{e0100}-\u{e01ef}]|(?<!\p{Emoji})\ufe0f/gu;

/** Private-use marks that stand for the joiners to keep while the others go. */
const kept = { "\u200c": "\ue000", "\u200d": "\ue001" } as const;

/**
 * Text from others as a model may see it: without control, bidi, zero-width, tag and other invisible characters, which
 * can hide instructions from the person who reads along. What is stored stays as it was written.
 */
export function visible(text: string): string {
  // Nearly every text is plain: one scan then, and no copy.
  if (text.search(hidden) < 0 && text.search(selectors) < 0) return text;
  return text
    .replaceAll(/[\ue000\ue001]/g, "")
    .replaceAll(wordJoiner, (joiner) => (joiner === "\u200c" ? kept["\u200c"] : kept["\u200d"]))
    .replaceAll(hidden, "")
    .replaceAll(selectors, "")
    .replaceAll(kept["\u200c"], "\u200c")
    .replaceAll(kept["\u200d"], "\u200d");
}

/** `visible` for every string and key of a JSON value. */
export function visibleJson(value: unknown): unknown {
  if (typeof value === "string") return visible(value);
  if (Array.isArray(value)) return value.map(visibleJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [visible(key), visibleJson(child)]));
}
