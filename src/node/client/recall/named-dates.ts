/** A date that a text names, in whole or in part. Months count from 0. */
export interface NamedDate {
  readonly month: number;
  readonly day?: number;
  readonly year?: number;
  /** What stands before it, and where it begins and ends. */
  readonly before: string;
  readonly start: number;
  readonly end: number;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH_NAME =
  /\b(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b/gi;
/** "may" and "march" name a month after one of these, or next to a number, or written with a capital inside a sentence. */
const BEFORE_MONTH = /\b(?:in|of|on|by|since|until|till|before|after|during|last|this|next|early|mid|late)\s+$/i;
/** "11/17", "11/17/2026", "17/11/26". */
const NUMERIC = /(?<![\d/.,-])(\d{1,2})\/(\d{1,2})(?:\/((?:19|20)?\d\d))?(?![\d/]|[.,]\d)/g;
/** Without a year two numbers are a date after one of these: "3/4 of the cake" is none. */
const BEFORE_NUMERIC = /\b(?:on|since|until|till|by|before|after|from|between)\s+(?:the\s+)?$/i;
const AND_NUMERIC = /\b(?:from|between)\s+[\d/]+\s+(?:and|to|until|till|through)\s+$/i;

/**
 * The dates a text names, in its order, as it may be read: two readings where "4/5" is all there is to tell whether the
 * month or the day comes first, else one. `people` are names in lower case: "June" alone is whoever is called so.
 */
export function namedDates(text: string, people: ReadonlySet<string>): readonly (readonly NamedDate[])[] {
  const written = [...namedMonths(text, people), ...isoDates(text)];
  const readings = numericDates(text).map((numeric) => [...written, ...numeric]);
  return readings.map((reading) => reading.sort((a, b) => a.start - b.start));
}

function* namedMonths(text: string, people: ReadonlySet<string>): Generator<NamedDate> {
  for (const match of text.matchAll(MONTH_NAME)) {
    const before = text.slice(0, match.index);
    const after = text.slice(match.index + match[0].length);
    const dayBefore = /\b(\d{1,2})(?:st|nd|rd|th)?(?:\s+of)?\s+$/i.exec(before);
    const dayAfter = /^\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?!\d|:)/.exec(after);
    const day = Number((dayBefore ?? dayAfter)?.[1]);
    const numbered = day >= 1 && day <= 31;
    const upToYear = dayBefore ? 0 : (dayAfter?.[0].length ?? 0);
    const year = /^\.?,?\s*(?:of\s+)?(\d{4})\b/.exec(after.slice(upToYear));
    if (!numbered && !year && isOtherWord(match[0], before, people)) continue;
    yield {
      month: MONTHS.indexOf(match[0].slice(0, 3).toLowerCase()),
      ...(numbered ? { day } : {}),
      ...(year ? { year: Number(year[1]) } : {}),
      before: dayBefore && numbered ? before.slice(0, dayBefore.index) : before,
      start: dayBefore && numbered ? dayBefore.index : match.index,
      end: match.index + match[0].length + upToYear + (year?.[0].length ?? 0),
    };
  }
}

function isOtherWord(name: string, before: string, people: ReadonlySet<string>): boolean {
  if (people.has(name.toLowerCase())) return !BEFORE_MONTH.test(before);
  if (!/^(?:may|march|mar)$/i.test(name)) return false;
  const capital = /^[A-Z]/.test(name) && before.trim() !== "";
  return !capital && !BEFORE_MONTH.test(before);
}

function* isoDates(text: string): Generator<NamedDate> {
  for (const match of text.matchAll(/\b((?:19|20)\d\d)-(\d\d)-(\d\d)\b/g)) {
    const [whole, year, month, day] = match;
    yield {
      ...{ year: Number(year), month: Number(month) - 1, day: Number(day) },
      before: text.slice(0, match.index),
      ...{ start: match.index, end: match.index + whole.length },
    };
  }
}

/** A number above 12 is a day, there and in every other date of the text. */
function numericDates(text: string): NamedDate[][] {
  const found = [...text.matchAll(NUMERIC)].flatMap((match) => {
    const [whole, first, second, year] = match;
    const before = text.slice(0, match.index);
    const numbers = [Number(first), Number(second)] as const;
    const isDate = year !== undefined || BEFORE_NUMERIC.test(before) || AND_NUMERIC.test(before);
    if (!isDate || (year === undefined && whole === "24/7")) return [];
    const place = { before, start: match.index, end: match.index + whole.length };
    const inYear = year === undefined ? {} : { year: Number(year.length === 2 ? `20${year}` : year) };
    return [{ numbers, ...place, ...inYear }];
  });
  const read = (order: readonly [month: 0 | 1, day: 0 | 1]) =>
    found.flatMap(({ numbers, ...date }): NamedDate[] => {
      const [month, day] = [numbers[order[0]], numbers[order[1]]];
      return month >= 1 && month <= 12 && day >= 1 && day <= 31 ? [{ ...date, month: month - 1, day }] : [];
    });
  const readings = [read([0, 1]), read([1, 0])];
  const most = Math.max(...readings.map(({ length }) => length));
  const fitting = readings.filter(({ length }) => length === most);
  return found.length === 0 || most === 0 ? [[]] : fitting;
}
