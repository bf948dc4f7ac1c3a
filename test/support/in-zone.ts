import { onTestFinished } from "vitest";

/** Lets the rest of a test run in a time zone, as a machine there would. */
export function inZone(zone: string): void {
  const before = process.env["TZ"];
  process.env["TZ"] = zone;
  onTestFinished(() => {
    process.env["TZ"] = before;
  });
}
