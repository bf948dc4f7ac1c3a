const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH_NAME =
  /\b(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b/gi;
/** "may" and "march" name a month after one of these, or next to a number, or written with a capital inside a sentence. */
const BEFORE_MONTH = /\b(?:in|of|on|by|since|until|till|before|after|during|last|this|next|early|mid|late)\s+$/i;

const DAY_MS = 86_400_000;

/** A month, a day of a month, a year, as a question names them. Times are UTC, as `at` is given. */
export interface DateMention {
  readonly months: readonly number[];
  readonly days: readonly { readonly month: number; readonly day: number }[];
  readonly years: readonly number[];
  /** Spans counted back from the moment of asking; `to` exclusive, ms. */
  readonly spans: readonly { readonly from: number; readonly to: number }[];
}

/** The dates a question names; undefined when none. `now` (ms) gives "yesterday" and the like their meaning. */
export function datesIn(text: string, now?: number): DateMention | undefined {
  const months = new Set<number>();
  const days: { month: number; day: number }[] = [];
  for (const match of text.matchAll(MONTH_NAME)) {
    const before = text.slice(0, match.index);
    const after = text.slice(match.index + match[0].length);
    const day = Number(
      /\b(\d{1,2})(?:st|nd|rd|th)?(?:\s+of)?\s+$/i.exec(before)?.[1] ?? /^\.?\s+(\d{1,2})(?!\d|:)/.exec(after)?.[1],
    );
    const numbered = day >= 1 && day <= 31;
    if (!numbered && !/^,?\s*\d{4}\b/.test(after) && isOtherWord(match[0], before)) continue;
    const month = MONTHS.indexOf(match[0].slice(0, 3).toLowerCase());
    months.add(month);
    if (numbered) days.push({ month, day });
  }
  for (const [, month, day] of text.matchAll(/\b(?:19|20)\d\d-(\d\d)-(\d\d)\b/g)) {
    months.add(Number(month) - 1);
    days.push({ month: Number(month) - 1, day: Number(day) });
  }
  const years = [...text.matchAll(/(?<![\d.,])(?:19|20)\d\d(?![\d:])/g)].map(([year]) => Number(year));
  const spans = now === undefined ? [] : spansIn(text.toLowerCase(), now);
  const found = months.size + years.length + spans.length > 0;
  return found ? { months: [...months], days, years: [...new Set(years)], spans } : undefined;
}

/**
 * How well moments (ms) fit a mention: 1 for the month, 1 more for the day, 0.5 for the year, 1.5 for a span; 0 when
 * unknown. Each day is looked at once: a namespace has many memories and few days.
 */
export function dateMatcher(mention: DateMention): (at: number) => number {
  const known = new Map<number, number>();
  return (at) => {
    if (!Number.isFinite(at)) return 0;
    const day = Math.floor(at / DAY_MS);
    const found = known.get(day);
    if (found !== undefined) return found;
    const match = dayMatch(mention, day * DAY_MS);
    known.set(day, match);
    return match;
  };
}

/** `midnight` in ms; spans are whole days too. */
function dayMatch({ months, days, years, spans }: DateMention, midnight: number): number {
  const date = new Date(midnight);
  const month = date.getUTCMonth();
  let match = months.includes(month) ? 1 : 0;
  if (days.some((one) => one.month === month && one.day === date.getUTCDate())) match += 1;
  if (years.includes(date.getUTCFullYear())) match += 0.5;
  return spans.some(({ from, to }) => midnight >= from && midnight < to) ? match + 1.5 : match;
}

function isOtherWord(name: string, before: string): boolean {
  if (!/^(?:may|march|mar)$/i.test(name)) return false;
  const capital = /^[A-Z]/.test(name) && before.trim() !== "";
  return !capital && !BEFORE_MONTH.test(before);
}

function spansIn(text: string, now: number): { from: number; to: number }[] {
  const midnight = Math.floor(now / DAY_MS) * DAY_MS;
  const span = (daysBack: number, days: number) => ({
    from: midnight - daysBack * DAY_MS,
    to: midnight + (days - daysBack) * DAY_MS,
  });
  const spans: { from: number; to: number }[] = [];
  if (/\b(?:today|tonight|this (?:morning|afternoon|evening))\b/.test(text)) spans.push(span(0, 1));
  if (/\b(?:yesterday|last night)\b/.test(text)) spans.push(span(1, 1));
  if (/\bthis week\b/.test(text)) spans.push(span(6, 7));
  if (/\blast week\b/.test(text)) spans.push(span(13, 13));
  if (/\blast month\b/.test(text)) spans.push(span(61, 56));
  const ago = /\b(\d{1,3}|a|an|one|two|three) (day|week|month|year)s? ago\b/.exec(text);
  if (ago) spans.push(around(ago[1] ?? "", ago[2] ?? "", midnight));
  return spans;
}

/** "Three weeks ago" is that day give or take a fifth of the way. */
function around(count: string, unit: string, midnight: number): { from: number; to: number } {
  const number = { a: 1, an: 1, one: 1, two: 2, three: 3 }[count] ?? Number(count);
  const days = number * ({ day: 1, week: 7, month: 30, year: 365 }[unit] ?? 1);
  const slack = Math.floor(days / 5);
  return { from: midnight - (days + slack) * DAY_MS, to: midnight - (days - slack - 1) * DAY_MS };
}
