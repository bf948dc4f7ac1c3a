import type { CountedSpan, DateMention } from "./date-match.ts";
import { countOf, DAY_MS, NUMBER, spansBeforeNow, UNIT_DAYS } from "./spans-before-now.ts";

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day";
const MONTH_NAME =
  /\b(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b/gi;
/** "may" and "march" name a month after one of these, or next to a number, or written with a capital inside a sentence. */
const BEFORE_MONTH = /\b(?:in|of|on|by|since|until|till|before|after|during|last|this|next|early|mid|late)\s+$/i;
/** A season is one where something says so: "in the fall", "last spring", "summer 2021"; else it is another word. */
const SEASON =
  /\b(?:(?:in|during|over|of|this|last|late|early)\s+(?:the\s+)?)(spring|summer|autumn|fall|winter)\b|\b(spring|summer|autumn|fall|winter)(?=\s+(?:of\s+)?(?:19|20)\d\d\b)/gi;
const SEASONS: Readonly<Record<string, readonly number[]>> = {
  spring: [2, 3, 4],
  summer: [5, 6, 7],
  autumn: [8, 9, 10],
  fall: [8, 9, 10],
  winter: [11, 0, 1],
};
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
  String.raw`\b(?:(${NUMBER})\s+)?(days?|weeks?|fortnights?|months?|weekends?|${WEEKDAY})\s+(before|prior to|after|following)\s+(?:the\s+)?$`,
  "i",
);

/** "Between 11 and" before "15 August". */
const FIRST_DAY = /\b(?:between|from)\s+(?:the\s+)?(\d{1,2})(?:st|nd|rd|th)?\s+(?:and|to|until|till)\s+(?:the\s+)?$/i;

interface NamedMonth {
  readonly month: number;
  readonly day?: number;
  readonly year?: number;
  /** What stands before it, and where it ends. */
  readonly before: string;
  readonly start: number;
  readonly end: number;
}

/** The dates a question names; undefined when none. `now` (ms, of `wallClock`) gives "yesterday" and the like their meaning. */
export function datesIn(text: string, now?: number): DateMention | undefined {
  const named = [...namedMonths(text), ...isoDates(text)];
  const months = new Set(named.map(({ month }) => month));
  const seasons = [...text.matchAll(SEASON)].flatMap(
    ([, after, before]) => SEASONS[(after ?? before ?? "").toLowerCase()] ?? [],
  );
  const days = named.flatMap(({ month, day }) => (day === undefined ? [] : [{ month, day }]));
  const years = [...text.matchAll(/(?<![\d.,])(?:19|20)\d\d(?![\d:])/g)].map(([year]) => Number(year));
  const spans = now === undefined ? [] : spansBeforeNow(text.toLowerCase(), now);
  const counted = [...named.flatMap(countedFrom), ...between(named, text)];
  const found = months.size + seasons.length + years.length + spans.length > 0;
  return found ? { months: [...months], seasons, days, years: [...new Set(years)], spans, counted } : undefined;
}

function* namedMonths(text: string): Generator<NamedMonth> {
  for (const match of text.matchAll(MONTH_NAME)) {
    const before = text.slice(0, match.index);
    const after = text.slice(match.index + match[0].length);
    const dayBefore = /\b(\d{1,2})(?:st|nd|rd|th)?(?:\s+of)?\s+$/i.exec(before);
    const dayAfter = /^\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?!\d|:)/.exec(after);
    const day = Number((dayBefore ?? dayAfter)?.[1]);
    const numbered = day >= 1 && day <= 31;
    const year = /^\.?,?\s*(?:of\s+)?(\d{4})\b/.exec(dayBefore ? after : after.slice(dayAfter?.[0].length ?? 0));
    if (!numbered && !year && isOtherWord(match[0], before)) continue;
    yield {
      month: MONTHS.indexOf(match[0].slice(0, 3).toLowerCase()),
      ...(numbered ? { day } : {}),
      ...(year ? { year: Number(year[1]) } : {}),
      before: dayBefore && numbered ? before.slice(0, dayBefore.index) : before,
      start: dayBefore && numbered ? dayBefore.index : match.index,
      end: match.index + match[0].length,
    };
  }
}

function* isoDates(text: string): Generator<NamedMonth> {
  for (const match of text.matchAll(/\b((?:19|20)\d\d)-(\d\d)-(\d\d)\b/g)) {
    const [whole, year, month, day] = match;
    yield {
      ...{ year: Number(year), month: Number(month) - 1, day: Number(day) },
      before: text.slice(0, match.index),
      ...{ start: match.index, end: match.index + whole.length },
    };
  }
}

/** "The week before 3 August", "early May": days counted from the one that is named. */
function countedFrom({ month, day, year, before }: NamedMonth): CountedSpan[] {
  const from = (span: { from: number; to: number }) => [{ month, day: day ?? 1, year, ...span }];
  if (day === undefined) {
    const part = PARTS.find(([name]) => name.test(before));
    return part ? from({ from: part[1], to: part[2] }) : [];
  }
  const first = Number(FIRST_DAY.exec(before)?.[1]);
  if (first < day) return from({ from: first - day, to: 1 });
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

/** "Between 11 and 15 August", "from 3 May to 2 June". */
function between(named: readonly NamedMonth[], text: string): CountedSpan[] {
  return named.flatMap((first, i) => {
    const second = named[i + 1];
    if (!second || !/\b(?:between|from)\s+(?:the\s+)?$/i.test(first.before)) return [];
    if (!/^[\s,\d]*(?:and|to|until|till|through)\b/i.test(text.slice(first.end, second.start))) return [];
    const year = second.year ?? first.year;
    const { month, day = 1 } = first;
    const from = Date.UTC(first.year ?? year ?? 2000, month, day);
    const to = Date.UTC(year ?? 2000, second.month, second.day ?? 31);
    const length = (to - from) / DAY_MS;
    return length >= 0 ? [{ month, day, year: first.year ?? year, from: 0, to: length + 1 }] : [];
  });
}

function isOtherWord(name: string, before: string): boolean {
  if (!/^(?:may|march|mar)$/i.test(name)) return false;
  const capital = /^[A-Z]/.test(name) && before.trim() !== "";
  return !capital && !BEFORE_MONTH.test(before);
}
