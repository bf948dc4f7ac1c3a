import type { CountedSpan, DateMention } from "./date-match.ts";
import { namedDates } from "./named-dates.ts";
import { DAY_MS, spansBeforeNow, YEAR_WORD, yearsBeforeNow } from "./spans-before-now.ts";
import { lastStart, type Stretches, stretchesOf } from "./stretches.ts";

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

/**
 * The dates a question names; undefined when none. `now` (ms, of `wallClock`) gives "yesterday" and the like their meaning;
 * `people` are names in lower case that may be those of months.
 */
export function datesIn(text: string, now?: number, people: ReadonlySet<string> = new Set()): DateMention | undefined {
  const lower = text.toLowerCase();
  const seasons = [...text.matchAll(SEASON)].flatMap(
    ([, after, before]) => SEASONS[(after ?? before ?? "").toLowerCase()] ?? [],
  );
  const readings = namedDates(text, people);
  // "This year in October" is October of this year, not all of it.
  const narrowed = seasons.length > 0 || readings.some(({ length }) => length > 0);
  const said = narrowed && now !== undefined ? yearsBeforeNow(lower, now) : [];
  const found = readings.map((dates) => {
    const dated = dates.map((date) =>
      date.year === undefined && said[0] !== undefined ? { ...date, year: said[0] } : date,
    );
    return stretchesOf(dated, text, now);
  });
  const single = found.flatMap(({ single }) => single);
  const ranges = found.flatMap(({ ranges }) => ranges);
  const counted = found.flatMap(({ counted }) => counted);
  const years = [
    ...yearsIn(text, found),
    ...single.flatMap(({ year }) => year ?? []),
    ...(single.length + seasons.length > 0 ? said : []),
  ];
  const relative = now === undefined ? [] : spansBeforeNow(narrowed ? lower.replace(YEAR_WORD, " ") : lower, now);
  const spans = [...relative, ...found.flatMap(({ open }) => open)];
  if (single.length + seasons.length + years.length + spans.length + ranges.length === 0) return undefined;
  const lastTime =
    now === undefined || years.length > 0 ? undefined : lastTimeOf([...single, ...counted, ...ranges], now);
  return {
    months: [...new Set(single.map(({ month }) => month))],
    seasons,
    days: single.flatMap(({ month, day }) => (day === undefined ? [] : [{ month, day }])),
    years: [...new Set(years)],
    spans,
    counted,
    ranges,
    ...(lastTime === undefined ? {} : { lastTime }),
  };
}

/** The years written beside stretches: the year of one counts in it alone. */
function yearsIn(text: string, found: readonly Stretches[]): number[] {
  const taken = found.flatMap(({ taken }) => taken);
  return [...text.matchAll(/(?<![\d.,])(?:19|20)\d\d(?![\d:])/g)]
    .filter(({ index }) => !taken.some(({ start, end }) => index >= start && index < end))
    .map(([year]) => Number(year));
}

/** Where the last time begins that the dates without a year came round; the earliest of them. */
function lastTimeOf(dates: readonly Partial<CountedSpan>[], now: number): number | undefined {
  const starts = dates
    .filter(({ year }) => year === undefined)
    .map(({ month = 0, day = 1, from = 0 }) => lastStart(month, day, now) + from * DAY_MS);
  return starts.length === 0 ? undefined : Math.min(...starts);
}
