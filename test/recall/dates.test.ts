import { describe, expect, it } from "vitest";
import { dateMatcher } from "../../src/node/client/recall/date-match.ts";
import { datesIn } from "../../src/node/client/recall/dates.ts";
import { dayBeforeNow } from "../../src/node/client/recall/spans-before-now.ts";

const day = (text: string): number => Date.parse(`${text}T10:00:00Z`);

describe("dates", () => {
  it.each([
    ["in May 2023", "2023-05-20", 1.5],
    ["on 8 May, 2023", "2023-05-08", 2.5],
    ["on May 8th", "2021-05-08", 2],
    ["on the 3rd of October", "2021-10-03", 2],
    ["on 2023-05-08", "2023-05-08", 2.5],
    ["in Sept.", "2022-09-30", 1],
    ["in 2022", "2022-01-01", 0.5],
    ["in June", "2023-05-08", 0],
  ])("%s fits %s by %d", (question, date, match) => {
    const mention = datesIn(question);
    expect(mention && dateMatcher(mention)(day(date))).toBe(match);
  });

  it.each([
    "may I ask?",
    "They march on",
    "room 2023:1",
    "12 monkeys",
    "decide",
    "version 1.2023",
    "the marching band",
  ])("%s names no date", (question) => {
    expect(datesIn(question)).toBeUndefined();
  });

  const now = Date.parse("2026-11-22T15:00:00Z");
  it.each([
    ["today", "2026-11-22", "2026-11-21"],
    ["yesterday", "2026-11-21", "2026-11-22"],
    ["last week", "2026-11-12", "2026-11-22"],
    ["last month", "2026-10-20", "2026-11-20"],
    ["three weeks ago", "2026-11-01", "2026-11-20"],
    ["a year ago", "2025-11-22", "2026-11-21"],
    ["10 days ago", "2026-11-12", "2026-11-22"],
    ["a couple of weeks ago", "2026-11-09", "2026-11-20"],
    ["the day before yesterday", "2026-11-20", "2026-11-19"],
    ["last Tuesday", "2026-11-17", "2026-11-18"],
    ["last Sunday", "2026-11-15", "2026-11-22"],
    ["last weekend", "2026-11-14", "2026-11-21"],
    ["this weekend", "2026-11-21", "2026-11-14"],
    ["this month", "2026-11-01", "2026-10-31"],
    ["this year", "2026-01-01", "2025-12-31"],
    ["last year", "2025-06-01", "2026-01-01"],
    ["in the past three months", "2026-09-01", "2026-08-01"],
    ["within the last 10 days", "2026-11-12", "2026-11-11"],
  ])("%s means %s and not %s", (question, inside, outside) => {
    const mention = datesIn(`What happened ${question}?`, now);
    expect(mention && dateMatcher(mention)(day(inside))).toBe(1.5);
    expect(mention && dateMatcher(mention)(day(outside))).toBe(0);
    expect(datesIn(`What happened ${question}?`)).toBeUndefined();
  });
});

describe("days counted from one that is named", () => {
  it.each([
    ["the week before August 3, 2023", "2023-07-28", "2023-07-26"],
    ["two weeks before 11 August", "2021-07-28", "2021-07-20"],
    ["the day after 2023-12-31", "2024-01-01", "2024-01-02"],
    ["three days after May 30th", "2022-06-02", "2022-05-31"],
    ["the Sunday before October 25, 2022", "2022-10-23", "2022-10-17"],
    ["between August 11 and August 15 2023", "2023-08-13", "2023-08-16"],
    ["between 11 and 15 August", "2020-08-12", "2020-08-10"],
    ["from 20 December 2023 to 5 January 2024", "2024-01-02", "2023-12-19"],
    ["in the second week of November", "2023-11-09", "2023-11-20"],
    ["in early March 2023", "2023-03-02", "2023-03-25"],
    ["in late May", "2023-05-28", "2023-05-02"],
  ])("%s means %s rather than %s", (question, inside, outside) => {
    const mention = datesIn(`What happened ${question}?`);
    const fit = mention && dateMatcher(mention);
    expect(fit?.(day(inside))).toBeGreaterThan(fit?.(day(outside)) ?? Number.NaN);
  });

  it.each([
    ["in summer 2021", "2021-07-01", "2021-10-01"],
    ["in the summer of 2021", "2021-10-01", "2022-07-01"],
    ["during the winter", "2022-01-15", "2022-07-15"],
    ["last fall", "2025-10-01", "2025-12-01"],
  ])("%s is the months of the season", (question, inside, outside) => {
    const mention = datesIn(`Where were we ${question}?`);
    const fit = mention && dateMatcher(mention);
    expect(fit?.(day(inside))).toBeGreaterThan(fit?.(day(outside)) ?? Number.NaN);
  });

  it.each([
    ["Did he fall down?"],
    ["a spring in the mattress"],
    ["the summer of our lives"],
    ["the week before the trip"],
  ])("%s names no date", (question) => expect(datesIn(question)).toBeUndefined());

  it("a span is told of in it, and in the week after rather than later", () => {
    const mention = datesIn("Which country did he visit in the second week of November?");
    const fit = mention && dateMatcher(mention);
    const [inside = 0, soon = 0, later = 0] = ["11-12", "11-16", "11-25"].map((date) => fit?.(day(`2023-${date}`)));
    expect(inside).toBeGreaterThan(soon);
    expect(soon).toBeGreaterThan(later);
  });

  it("a day is told of on the day and the week after, not before it", () => {
    const mention = datesIn("Who came to dinner on May 3, 2023?");
    const fit = mention && dateMatcher(mention);
    const fits = ["2023-05-03", "2023-05-04", "2023-05-02"].map((date) => fit?.(day(date)) ?? Number.NaN);
    expect(fits[0]).toBeGreaterThan(fits[1] ?? 0);
    expect(fits[1]).toBeGreaterThan(fits[2] ?? 0);
  });
});

describe("what a question with a moment of asking means", () => {
  const now = Date.parse("2026-11-29T15:00:00Z");
  const fits = (question: string, ...dates: readonly string[]): number[] => {
    const mention = datesIn(`What did I do ${question}?`, now);
    return dates.map((date) => (mention ? dateMatcher(mention)(day(date)) : Number.NaN));
  };

  it.each([
    ["this year in October", "2026-10-12", "2025-10-12", "2026-05-01"],
    ["in October this year", "2026-10-12", "2025-10-12", "2026-05-01"],
    ["last year in October", "2025-10-12", "2026-10-12", "2025-05-01"],
    ["in the first week of October last year", "2025-10-02", "2026-10-02", "2025-05-01"],
    ["last year in the summer", "2025-07-01", "2026-07-01", "2026-05-01"],
    ["in October", "2026-10-12", "2025-10-12", "2026-05-01"],
    ["on 17 Nov", "2026-11-17", "2025-11-17", "2026-05-01"],
    ["on December 2", "2025-12-02", "2024-12-02", "2026-05-01"],
    ["on 11/17", "2026-11-17", "2025-11-17", "2026-05-01"],
    ["on 11/17/2026", "2026-11-17", "2025-11-17", "2025-05-01"],
    ["on 17/11/26", "2026-11-17", "2025-11-17", "2025-05-01"],
    ["on 4/5/2026", "2026-04-05", "2025-04-05", "2025-11-01"],
    ["on 4/5/2026", "2026-05-04", "2025-05-04", "2025-11-01"],
  ])("%s is %s rather than %s, and that rather than %s", (question, ...dates) => {
    const [best = 0, other = 0, least = 0] = fits(question, ...dates);
    expect(best).toBeGreaterThan(other);
    expect(other).toBeGreaterThanOrEqual(least);
    expect(best).toBeGreaterThan(least);
  });

  it.each([
    ["between November 15 and November 23", "2026-11-15", "2026-11-23", "2026-11-14", "2026-11-24"],
    ["between 15th November and November 23rd", "2026-11-15", "2026-11-23", "2026-11-14", "2025-11-28"],
    ["between November 15 and 23", "2026-11-15", "2026-11-23", "2026-11-14", "2025-11-28"],
    ["between 15 and 23 November", "2026-11-15", "2026-11-23", "2026-11-14", "2025-11-28"],
    ["between 11/15 and 11/23", "2026-11-15", "2026-11-23", "2026-11-14", "2025-11-28"],
    ["from 11/9/2026 to 11/23/2026", "2026-11-09", "2026-11-23", "2026-11-08", "2025-11-15"],
    ["from 20 December to 5 January", "2025-12-20", "2026-01-05", "2026-12-19", "2026-01-06"],
    ["between 20 December and 5 January 2026", "2025-12-20", "2026-01-05", "2025-12-19", "2026-01-25"],
    ["between 20 December 2025 and 5 January", "2025-12-20", "2026-01-05", "2025-12-05", "2025-01-04"],
    ["from May to June", "2026-05-01", "2026-06-30", "2026-04-30", "2026-07-01"],
    ["between August 11 and August 15 2023", "2023-08-11", "2023-08-15", "2023-08-16", "2026-08-12"],
    ["since November 20", "2026-11-20", "2026-11-29", "2026-11-19", "2025-11-25"],
    ["since the 20th of November, 2025", "2025-11-20", "2026-11-29", "2025-11-19", "2025-01-01"],
    ["since 11/20", "2026-11-20", "2026-11-29", "2026-11-19", "2025-11-25"],
    ["since December", "2025-12-01", "2026-11-29", "2025-11-30", "2024-12-20"],
    ["since yesterday", "2026-11-28", "2026-11-29", "2026-11-27", "2025-11-29"],
    ["after November 20", "2026-11-21", "2026-11-29", "2026-11-20", "2025-11-25"],
    ["after October", "2026-11-01", "2026-11-29", "2026-10-31", "2025-11-25"],
  ])("%s goes from %s to %s, without %s and %s", (question, first, last, before, after) => {
    const [from = 0, to = 0, ...outside] = fits(question, first, last, before, after);
    expect([from, to].every((fit) => fit >= 1.5)).toBe(true);
    expect(outside).toEqual([0, 0]);
  });

  it("a range without a year is rather the last one than one of a year before", () => {
    const [last = 0, before = 0] = fits("between November 15 and November 23", "2026-11-22", "2025-11-22");
    expect(last).toBeGreaterThan(before);
  });

  it("a day soon after one that is named is nearer than one long after", () => {
    const [soon = 0, late = 0] = fits("soon after May 3", "2026-05-05", "2026-06-20");
    expect(soon).toBeGreaterThan(late);
  });

  it.each(["3/4 of the cake", "24/7", "on 24/7", "between 1/2/3 and 4", "about 45/50/2026x"])(
    "%s names no date",
    (text) => expect(datesIn(`Did I eat ${text}?`, now)?.days ?? []).toEqual([]),
  );

  it("the day before yesterday is not yesterday", () => {
    expect(fits("the day before yesterday", "2026-11-27", "2026-11-28")).toEqual([1.5, 0]);
  });
});

describe("one day counted from now", () => {
  const now = Date.parse("2026-11-29T15:00:00Z");

  it.each([
    ["today", "2026-11-29"],
    ["Yesterday", "2026-11-28"],
    ["day before  yesterday", "2026-11-27"],
    ["last friday", "2026-11-27"],
    ["last Sunday", "2026-11-22"],
    ["10 days ago", "2026-11-19"],
    ["a day ago", "2026-11-28"],
  ])("%s is %s", (text, date) => expect(dayBeforeNow(text, now)).toBe(Date.parse(`${date}T00:00:00Z`)));

  it.each(["last week", "friday", "a few days ago", "three weeks ago", "yesterday and today", "not yesterday", ""])(
    "%j is none",
    (text) => expect(dayBeforeNow(text, now)).toBeUndefined(),
  );
});
