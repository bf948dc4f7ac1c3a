import { expect, test } from "vitest";
import { checkScan } from "../../src/node/commands/doctor/machine-checks.ts";
import { readScanMode } from "../../src/node/runtime/config-scan.ts";

const missing = () => ({ missing: "no SIMD" });

test("doctor says by what vectors are searched, and what to do where that is slow", () => {
  expect(checkScan(undefined, "auto")).toMatchObject({ state: "ok", detail: "WebAssembly kernel" });
  expect(checkScan(missing, "auto")).toMatchObject({ state: "warning", detail: expect.stringContaining("no SIMD") });
  expect(checkScan(missing, "kernel")).toMatchObject({ state: "broken", detail: expect.stringContaining("no SIMD") });
  expect(checkScan(undefined, "plain")).toMatchObject({ state: "warning" });
});

test("ENGRAM_SCAN is auto unless it says otherwise, and refuses what it does not know", () => {
  expect(readScanMode({})).toBe("auto");
  expect(readScanMode({ ENGRAM_SCAN: "plain" })).toBe("plain");
  expect(() => readScanMode({ ENGRAM_SCAN: "gpu" })).toThrowError(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining("auto, kernel, plain") }),
  );
});
