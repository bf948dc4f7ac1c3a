import { expect, test } from "vitest";
import { checkNoise } from "../../src/node/commands/doctor/noise-check.ts";

test.each([undefined, "", "0", "none", "False"])("noise is off by %o", (stated) => {
  expect(checkNoise(stated)).toMatchObject({ state: "ok", detail: expect.stringContaining("sealed") });
});

test("the doctor says what the noise truly gives", () => {
  const { state, detail } = checkNoise("3");
  expect(state).toBe("warning");
  // The value itself: 512 dimensions, delta 1e-5, sensitivity 2; edited versions have noise of their own.
  expect(detail).toMatch(
    /obfuscation, not differential privacy.*sigma 0\.0147.*epsilon 9,7\d\d.*sensitivity 2.*2\.78/s,
  );
});

test.each(["-1", "three", "Infinity", "1001"])("%s is no epsilon", (stated) => {
  expect(checkNoise(stated)).toMatchObject({ state: "broken" });
});
