import type { CountedSpan, Span } from "./date-match.ts";
import type { NamedDate } from "./named-dates.ts";
import { countOf, DAY_MS, NUMBER, UNIT_DAYS } from "./spans-before-now.ts";

/** Parts of a month as days of it, `to` exclusive; the longest month's end does for all. */
const PARTS: readonly (readonly [name: RegExp, from: number, to: number])[] = [
  [/\b(?:early|(?:beginning|start) of|first half of)\s+$/i, 0, 15],
  [/\b(?:mid-?|middle of)\s*$/i, 9, 21],
  [/\b(?:late|end of|second half of|last half of)\s+$/i, 15, 31],
  [/\bfirst week (?:of|in)\s+$/i, 0, 7],
  [/\bsecond week (?:of|in)\s+$/i, 7, 14],
  [/\bthird week (?:of|in)\s+$/i, 14, 21],
  [/\bfourth week (?:of|in)\s+$/i, 21, 28],
  [/\blast week (?:of|in)\s+$/i, 22, 31],
];
const COUNTED = new RegExp(
  String.raw`\b(?:(${NUMBER})\s+)?(days?|weeks?|fortnights?|months?|weekends?|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\s+(before|prior to|after|following)\s+(?:the\s+)?$`,
  "i",
);
/** "Between 11 and" before "15 August". */
const FIRST_DAY = /\b(?:between|from)\s+(?:the\s+)?(\d{1,2})(?:st|nd|rd|th)?\s+(?:and|to|until|till)\s+(?:the\s+)?$/i;
/** "And 23" after "between November 15". */
const LAST_DAY = /^\s+(?:and|to|until|till|through)\s+(?:the\s+)?(\d{1,2})(?:st|nd|rd|th)?\b(?!:)/i;
const RANGE = /\b(?:between|from)\s+(?:the\s+)?$/i;
/** "Since" before "20 November"; soon after it is not all the time after it. */
const OPEN =
  /(?<!\b(?:soon|shortly|right|just|directly|immediately|morning|evening|night)\s+)\b(since|after)\s+(?:the\s+)?$/i;

/** What a text says of the dates that it names. */
export interface Stretches {
  /** Dates that stand for themselves. */
  readonly single: readonly NamedDate[];
  /** Days counted from one of them. */
  readonly counted: readonly CountedSpan[];
  /** From one date to another: no other day counts. */
  readonly ranges: readonly CountedSpan[];
  /** From a date until now. */
  readonly open: readonly Span[];
  /** Dates that a range or an open span was made of. */
  readonly taken: readonly NamedDate[];
}

/** `now` (ms, of `wallClock`) ends what is open. */
export function stretchesOf(named: readonly NamedDate[], text: string, now: number | undefined): Stretches {
  const ranges: CountedSpan[] = [];
  const open: Span[] = [];
  const taken = new Set<NamedDate>();
  named.forEach((date, i) => {
    if (taken.has(date)) return;
    const second = named[i + 1];
    const upToSecond = second && between(date, second, text);
    const range = upToSecond ?? daysOfMonth(date, text);
    const since = range || now === undefined ? undefined : openSpan(date, now);
    if (range) ranges.push(range);
    if (since) open.push(since);
    if (range || since) taken.add(date);
    if (upToSecond) taken.add(second);
  });
  const single = named.filter((date) => !taken.has(date));
  return { single, counted: single.flatMap(countedFrom), ranges, open, taken: [...taken] };
}

/** The last time, at or before `now`, that a day came round. */
export function lastStart(month: number, day: number, now: number): number {
  const year = new Date(now).getUTCFullYear();
  const start = Date.UTC(year, month, day);
  return start <= now ? start : Date.UTC(year - 1, month, day);
}

/** "Since 20 November", "after May". */
function openSpan({ month, day, year, before }: NamedDate, now: number): Span | undefined {
  const word = OPEN.exec(before.replace(/\bon\s+$/i, ""))?.[1]?.toLowerCase();
  if (word === undefined || COUNTED.test(before)) return undefined;
  const start = year === undefined ? lastStart(month, day ?? 1, now) : Date.UTC(year, month, day ?? 1);
  const length = day === undefined ? (Date.UTC(new Date(start).getUTCFullYear(), month + 1) - start) / DAY_MS : 1;
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  return { from: start + (word === "after" ? length * DAY_MS : 0), to: today + DAY_MS };
}

/** "Between 11 and 15 August", "from August 11 to 15". */
function daysOfMonth({ month, day, year, before, end }: NamedDate, text: string): CountedSpan | undefined {
  if (day === undefined) return undefined;
  const first = Number(FIRST_DAY.exec(before)?.[1]);
  if (first < day) return { month, day: first, year, from: 0, to: day - first + 1 };
  const last = RANGE.test(before) ? Number(LAST_DAY.exec(text.slice(end))?.[1]) : Number.NaN;
  return last > day && last <= 31 ? { month, day, year, from: 0, to: last - day + 1 } : undefined;
}

/** "Between 11 August and 2 September", "from May to June". */
function between(first: NamedDate, second: NamedDate, text: string): CountedSpan | undefined {
  if (!RANGE.test(first.before)) return undefined;
  if (!/^[\s,]*(?:and|to|until|till|through)\b/i.test(text.slice(first.end, second.start))) return undefined;
  const { month, day = 1 } = first;
  const start = (year: number) => Date.UTC(year, month, day);
  const end = (year: number) => Date.UTC(year, second.month + (second.day === undefined ? 1 : 0), second.day ?? 0);
  // "From 20 December to 5 January" ends in the next year, whichever of the two years is written, unless both are.
  const turns = (first.year === undefined || second.year === undefined) && end(2000) < start(2000) ? 1 : 0;
  const year = first.year ?? (second.year === undefined ? undefined : second.year - turns);
  const length = (end(second.year ?? (year ?? 2000) + turns) - start(year ?? 2000)) / DAY_MS;
  return length < 0 ? undefined : { month, day, year, from: 0, to: length + 1 };
}

/** "The week before 3 August", "early May": days counted from the one that is named. */
function countedFrom({ month, day, year, before }: NamedDate): CountedSpan[] {
  const from = (span: { from: number; to: number }) => [{ month, day: day ?? 1, year, ...span }];
  if (day === undefined) {
    const part = PARTS.find(([name]) => name.test(before));
    return part ? from({ from: part[1], to: part[2] }) : [];
  }
  const match = COUNTED.exec(before.replace(/\bon\s+$/i, ""));
  if (!match) return [];
  const [, count, unit = "", direction = ""] = match;
  const { near, far } = distance(count, unit.toLowerCase());
  const isBefore = /before|prior/i.test(direction);
  return from(isBefore ? { from: -far, to: 1 - near } : { from: near, to: far + 1 });
}

/** "Two weeks before": that many days, give or take a fifth; "the week before": the days from one to seven. */
function distance(count: string | undefined, unit: string): { near: number; far: number } {
  const days = Object.entries(UNIT_DAYS).find(([name]) => unit.startsWith(name))?.[1] ?? 7;
  if (count === undefined || count.toLowerCase() === "the") return { near: 1, far: days };
  const exact = countOf(count) * days;
  const slack = Math.floor(exact / 5);
  return { near: Math.max(1, exact - slack), far: exact + slack };
}
