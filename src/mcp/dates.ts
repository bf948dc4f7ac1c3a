import { momentOf } from "../node/runtime/wall-clock.ts";

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const iso = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?)?\s*(.*)$/i;
const clock =
  /\b(\d{1,2})(?::(\d{2}))?(?::(\d{2})(?:\.\d+)?)?\s*([ap])\.?m\b\.?|\b(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?/i;
const zone = /(?:\b(?:UTC|GMT|Z)\b|(?<=[\d\s])([+-])(\d{2}):?(\d{2}))\s*$|(?<=\d)Z$/i;

/**
 * The unix milliseconds a date text names: ISO 8601, `8 May 2023`, `May 8, 2023 1:56 pm`, `1:56 pm on 8 May, 2023`,
 * RFC 2822, or unix seconds or milliseconds as digits. Without a zone it is a time of this machine's. Undefined when it
 * names no single date (`05/08/2023` may be May or August).
 */
export function parseDate(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d{10}$/.test(trimmed)) return Number(trimmed) * 1000;
  if (/^\d{13}$/.test(trimmed)) return Number(trimmed);
  return fromIso(trimmed) ?? fromWords(trimmed);
}

/** ISO 8601 in UTC without milliseconds, as results show times. */
export function isoDate(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d{3}Z$/, "Z");
}

function fromIso(text: string): number | undefined {
  const found = iso.exec(text);
  if (!found) return undefined;
  const [, year, month, day, hour, minute, second, rest = ""] = found;
  const offset = rest === "" ? undefined : offsetOf(` ${rest}`);
  if (rest !== "" && offset === undefined) return undefined;
  return moment(
    [year, month, day, hour, minute, second].map((part) => Number(part ?? 0)),
    offset,
  );
}

function fromWords(text: string): number | undefined {
  const name = /\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b\.?/i.exec(text);
  const year = /\b(\d{4})\b(?!:)/.exec(text.replace(/[+-]\d{4}\s*$/, ""))?.[1];
  if (!name || !year) return undefined;
  const month = months.indexOf(name[1]?.toLowerCase() ?? "") + 1;
  const time = clock.exec(text);
  const timeless = time ? text.replace(time[0], " ") : text;
  const day = /\b(\d{1,2})(?:st|nd|rd|th)?\b/i.exec(timeless.replace(year, " ").replace(zone, " "))?.[1];
  const hours = time ? hoursOf(time) : [0, 0, 0];
  return hours && moment([Number(year), month, Number(day ?? 1), ...hours], offsetOf(text));
}

function hoursOf(time: RegExpExecArray): number[] | undefined {
  const [, hour12, minute12, second12, half, hour24, minute24, second24] = time;
  if (hour12 === undefined) return [hour24, minute24, second24].map((part) => Number(part ?? 0));
  const hour = Number(hour12);
  if (hour < 1 || hour > 12) return undefined;
  return [(hour % 12) + (half?.toLowerCase() === "p" ? 12 : 0), Number(minute12 ?? 0), Number(second12 ?? 0)];
}

/** Milliseconds to subtract for the zone that ends `text`; undefined when it ends with none. */
function offsetOf(text: string): number | undefined {
  const found = zone.exec(text);
  if (!found) return undefined;
  const [, sign, hours, minutes] = found;
  if (sign === undefined) return 0;
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

/**
 * The local time, or that of the zone `offset` ms ahead of UTC. Undefined for a date the calendar does not have:
 * `Date.UTC` would roll 31 April over into May.
 */
function moment(parts: readonly number[], offset: number | undefined): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(ms);
  const exists =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute;
  if (!exists) return undefined;
  return offset === undefined ? momentOf(ms) : ms - offset;
}
