const DAY_MS = 86_400_000;
/** People tell of a day on the day or soon after it. */
const SOON_DAYS = 7;

/** Dates and spans as a question names them. Times are those of `wallClock`; months count from 0. */
export interface DateMention {
  readonly months: readonly number[];
  /** Months of the seasons named. */
  readonly seasons: readonly number[];
  readonly days: readonly { readonly month: number; readonly day: number }[];
  readonly years: readonly number[];
  /** Spans between two moments, ms; `to` exclusive. */
  readonly spans: readonly Span[];
  /** Spans counted from a named day: "the week before 3 August". */
  readonly counted: readonly CountedSpan[];
  /** From one named day to another: "between 11 and 15 August". */
  readonly ranges: readonly CountedSpan[];
  /** Where no year is named: the moment from which the named came round the last time. */
  readonly lastTime?: number;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** From `from` to `to` (exclusive) days after a day of a month, of that year or of any. */
export interface CountedSpan extends Span {
  readonly month: number;
  readonly day: number;
  readonly year?: number | undefined;
}

/**
 * How well moments (ms, of `wallClock`) fit a mention: 1 for the month, 1 more for the day, 0.5 for the season and for the year, 1.5 for
 * a span, 0.5 for the week after a day, 0.25 for that after a span counted from one; where no year is named, 0.5 more for
 * the last time; 0 when unknown. Each day is looked at once: a namespace has many memories and few days.
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
function dayMatch(mention: DateMention, midnight: number): number {
  const date = new Date(midnight);
  const isDay = mention.days.some((one) => one.month === date.getUTCMonth() && one.day === date.getUTCDate());
  const inSpan =
    mention.spans.some(({ from, to }) => midnight >= from && midnight < to) ||
    [...mention.counted, ...mention.ranges].some((span) => isCounted(span, midnight));
  const month = mention.months.includes(date.getUTCMonth()) ? 1 : isInSeason(mention, date) ? 0.5 : 0;
  const day = isDay ? 1 : toldSoonAfter(mention, midnight);
  const year = mention.years.includes(date.getUTCFullYear()) ? 0.5 : 0;
  const fit = Math.max(month + day, inSpan ? 1.5 : 0) + year;
  const isLastTime = fit > 0 && midnight >= (mention.lastTime ?? Number.POSITIVE_INFINITY);
  return isLastTime ? fit + 0.5 : fit;
}

function isCounted({ month, day, year, from, to }: CountedSpan, midnight: number): boolean {
  const around = new Date(midnight).getUTCFullYear();
  const years = year === undefined ? [around - 1, around, around + 1] : [year];
  return years.some((one) => {
    const days = (midnight - Date.UTC(one, month, day)) / DAY_MS;
    return days >= from && days < to;
  });
}

/** A season of a year is told of for long, and one three months wide says little of another year's. */
function isInSeason({ seasons, years }: DateMention, date: Date): boolean {
  return seasons.includes(date.getUTCMonth()) && (years.length === 0 || years.includes(date.getUTCFullYear()));
}

/** Where days are counted from the one that is named, the time after these is meant, and is vaguer. */
function toldSoonAfter({ days, counted }: DateMention, midnight: number): number {
  const soon = counted.map((span) => ({ ...span, from: span.to, to: span.to + SOON_DAYS }));
  if (soon.length > 0) return soon.some((span) => isCounted(span, midnight)) ? 0.25 : 0;
  return days.some((one) => isCounted({ ...one, from: 1, to: 1 + SOON_DAYS }, midnight)) ? 0.5 : 0;
}
