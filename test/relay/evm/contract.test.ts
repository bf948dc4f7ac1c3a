import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { artifactUrl, compileContract } from "./compile-contract.ts";

test("the committed artifact is what its source compiles to, byte for byte", () => {
  expect(compileContract("TestDollar")).toBe(readFileSync(artifactUrl("TestDollar"), "utf8"));
});
