import type { Span } from "./date-match.ts";

export const DAY_MS = 86_400_000;
const NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
/** A count as people write it. */
export const NUMBER = `\\d{1,3}|an?|the|a couple of|a few|${NUMBERS.join("|")}`;
const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
/** Other units are weeks: "weekend", "Tuesday". */
export const UNIT_DAYS: Readonly<Record<string, number>> = { day: 1, week: 7, fortnight: 14, month: 30, year: 365 };
/** Years as counted from now, in lower case. */
export const YEAR_WORD = /\b(this|last) year\b/g;
const AGO = new RegExp(String.raw`\b(${NUMBER}) (day|week|fortnight|month|year)s? ago\b`);
const ONE_DAY = new RegExp(
  `^(?:today|yesterday|(?:the )?day before yesterday|(?:last|this past) (?:${WEEKDAYS.join("|")})|(?:\\d{1,3}|an?|${NUMBERS.join("|")}) days? ago)$`,
);
const SINCE = /\bsince (?:yesterday|the day before|last|this)\b/;
const WITHIN = new RegExp(
  String.raw`\b(?:in|over|during|within) (?:the )?(?:last|past) (?:(${NUMBER}) )?(day|week|month|year)s?\b`,
);

/** The number that a word of `NUMBER` means; "a few" is three. */
export function countOf(word: string): number {
  const lower = word.toLowerCase();
  if (/^\d/.test(lower)) return Number(lower);
  if (lower === "a couple of") return 2;
  return lower === "a few" ? 3 : Math.max(0, NUMBERS.indexOf(lower)) + 1;
}

/** "This year", "last year", in lower case. */
export function yearsBeforeNow(text: string, now: number): number[] {
  const year = new Date(now).getUTCFullYear();
  return [...text.matchAll(YEAR_WORD)].map(([, word]) => (word === "this" ? year : year - 1));
}

/** What a question in lower case counts back from `now` (ms, of `wallClock`): "yesterday", "last Tuesday", "two weeks ago". */
export function spansBeforeNow(text: string, now: number): Span[] {
  const midnight = Math.floor(now / DAY_MS) * DAY_MS;
  const span = (daysBack: number, days: number): Span => ({
    from: midnight - daysBack * DAY_MS,
    to: midnight + (days - daysBack) * DAY_MS,
  });
  const today = new Date(midnight);
  const year = today.getUTCFullYear();
  const spans: Span[] = [];
  if (/\b(?:today|tonight|this (?:morning|afternoon|evening))\b/.test(text)) spans.push(span(0, 1));
  if (/\b(?:(?<!day before )yesterday|last night)\b/.test(text)) spans.push(span(1, 1));
  if (/\bday before yesterday\b/.test(text)) spans.push(span(2, 1));
  if (/\bthis week\b/.test(text)) spans.push(span(6, 7));
  if (/\blast week\b(?! (?:of|in)\b)/.test(text)) spans.push(span(13, 13));
  if (/\b(?:last|over the) weekend\b/.test(text))
    spans.push(span(today.getUTCDay() === 0 ? 8 : today.getUTCDay() + 1, 2));
  if (/\bthis weekend\b/.test(text)) spans.push(span((today.getUTCDay() + 1) % 7, 2));
  if (/\blast month\b/.test(text)) spans.push(span(61, 56));
  if (/\bthis month\b/.test(text)) spans.push({ from: Date.UTC(year, today.getUTCMonth()), to: midnight + DAY_MS });
  if (/\bthis year\b/.test(text)) spans.push({ from: Date.UTC(year, 0), to: midnight + DAY_MS });
  if (/\blast year\b/.test(text)) spans.push({ from: Date.UTC(year - 1, 0), to: Date.UTC(year, 0) });
  WEEKDAYS.forEach((name, weekday) => {
    if (!new RegExp(`\\b(?:last|this past) ${name}\\b`).test(text)) return;
    spans.push(span(((today.getUTCDay() - weekday + 6) % 7) + 1, 1));
  });
  const ago = AGO.exec(text);
  if (ago) spans.push(around(countOf(ago[1] ?? "") * (UNIT_DAYS[ago[2] ?? ""] ?? 1), midnight));
  const within = WITHIN.exec(text);
  if (within) {
    const days = countOf(within[1] ?? "one") * (UNIT_DAYS[within[2] ?? ""] ?? 1);
    spans.push(span(days, days + 1));
  }
  // "Since yesterday" is not over yet.
  return SINCE.test(text) ? spans.map(({ from }) => ({ from, to: midnight + DAY_MS })) : spans;
}

/**
 * The midnight (of `wallClock`, as `now`) that begins the day a text means, where it is one day as counted from now:
 * "yesterday", "last Friday", "3 days ago".
 */
export function dayBeforeNow(text: string, now: number): number | undefined {
  const words = text.trim().toLowerCase().replace(/\s+/g, " ");
  if (!ONE_DAY.test(words)) return undefined;
  const [, count] = AGO.exec(words) ?? [];
  if (count !== undefined) return (Math.floor(now / DAY_MS) - countOf(count)) * DAY_MS;
  return spansBeforeNow(words, now)[0]?.from;
}

/** "Three weeks ago" is that day give or take a fifth of the way. */
function around(days: number, midnight: number): Span {
  const slack = Math.floor(days / 5);
  return { from: midnight - (days + slack) * DAY_MS, to: midnight - (days - slack - 1) * DAY_MS };
}
