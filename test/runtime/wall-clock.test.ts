import { expect, test } from "vitest";
import { momentOf, wallClock } from "../../src/node/runtime/wall-clock.ts";
import { inZone } from "../support/in-zone.ts";

test.each([
  ["UTC", "2026-11-29T04:00:00Z", "2026-11-29T04:00:00Z"],
  ["America/Los_Angeles", "2026-11-29T04:00:00Z", "2026-11-28T20:00:00Z"],
  ["America/Los_Angeles", "2026-07-01T06:30:00Z", "2026-06-30T23:30:00Z"],
  ["Asia/Kolkata", "2026-11-28T18:30:00Z", "2026-11-29T00:00:00Z"],
  ["Pacific/Kiritimati", "2026-12-31T10:00:00Z", "2027-01-01T00:00:00Z"],
])("in %s, %s is read as %s, and back", (zone, moment, reading) => {
  inZone(zone);
  expect(wallClock(Date.parse(moment))).toBe(Date.parse(reading));
  expect(momentOf(Date.parse(reading))).toBe(Date.parse(moment));
});

test.each(["Asia/Kolkata", "America/Los_Angeles"])("the ends of time stay times in %s", (zone) => {
  inZone(zone);
  for (const end of [8.64e15, -8.64e15]) expect(new Date(wallClock(end)).getTime()).not.toBeNaN();
  expect(wallClock(Number.NaN)).toBeNaN();
});
