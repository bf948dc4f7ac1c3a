import { expect, test } from "vitest";
import { untilAborted } from "../../src/node/runtime/until-aborted.ts";

test("work that has begun and fails after its caller has left ends no process", async () => {
  const left = new Error("left");
  await expect(untilAborted(Promise.reject(new Error("late")), AbortSignal.abort(left))).rejects.toBe(left);
  const stop = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  const waited = untilAborted(promise, stop.signal);
  stop.abort(left);
  await expect(waited).rejects.toBe(left);
  reject(new Error("later"));
  // An unhandled rejection would be told, and fail this file, before the next turn.
  await new Promise((resolve) => setImmediate(resolve));
  await expect(untilAborted(Promise.resolve(7), new AbortController().signal)).resolves.toBe(7);
});
