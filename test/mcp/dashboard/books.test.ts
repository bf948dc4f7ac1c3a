import { join } from "node:path";
import { expect, test } from "vitest";
import { openRelayBooks } from "../../../src/relay/relay-books.ts";
import { tempHome } from "../../relay/relay-kit.ts";
import { seedOutbox, seedPayments } from "./seeded-books.ts";

const environment = { ENGRAM_DAILY_BUDGET_USD: "1" };

test("the books tell courses, states and payments, and take a person's word to send again", async () => {
  await using home = await tempHome();
  const now = Date.now();
  expect(await openRelayBooks(home.path, environment, () => now)).toBeUndefined();
  await seedOutbox(home.path, { now, rounds: 4, troubled: true });
  await using books = await openRelayBooks(home.path, environment, () => now);
  const courses = (await books?.courses(100)) ?? [];
  expect(courses).toHaveLength(9);
  const delivered = courses.find(({ state }) => state === "delivered");
  expect(delivered?.bytes).toBeGreaterThan(1_000);
  expect((delivered?.endedAt ?? 0) - (delivered?.firstSubmitAt ?? 0)).toBeGreaterThan(0);
  expect(await books?.courses(2)).toEqual(courses.slice(0, 2));
  expect(await books?.payments(10)).toEqual([]);
  await seedPayments(home.path, now);
  expect((await books?.payments(5))?.map(({ state }) => state)).toEqual([
    "signed",
    "settled",
    "settled",
    "settled",
    "settled",
  ]);

  const [parked] = (await books?.courses(10, "parked")) ?? [];
  expect(await books?.courses(10, "parked")).toHaveLength(1);
  expect(await books?.replay(parked?.job ?? "")).toBe(parked?.job);
  expect(await books?.courses(10, "parked")).toEqual([]);
  expect((await books?.find(parked?.job ?? ""))?.state).toBe("submitting");
  for (const job of [parked?.job ?? "", "r_unknown", join("..", "x")]) {
    await expect(books?.replay(job)).rejects.toMatchObject({ code: "RELAY_NOT_REPLAYABLE" });
  }
});
