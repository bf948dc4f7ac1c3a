import { Ajv } from "ajv";
import { expect, test } from "vitest";
import pkg from "../../package.json" with { type: "json" };
import server from "../../server.json" with { type: "json" };
import { registrySchema } from "./registry-schema.ts";

const isValid = new Ajv({ allErrors: true, validateFormats: false }).compile(registrySchema);

test("server.json is what the MCP registry takes, and speaks of this package", () => {
  isValid(server);
  expect(isValid.errors).toBeNull();
  expect(server.name).toBe(pkg.mcpName);
  const [published] = server.packages;
  expect([server.version, published?.version]).toEqual([pkg.version, pkg.version]);
  expect(published?.identifier).toBe(pkg.name);
});

test.each([
  ["a name without its namespace", { name: "engram" }],
  ["a long description", { description: "x".repeat(101) }],
  ["a range for a version", { version: "^0.1.0" }],
  ["a field that nobody knows", { transports: [] }],
  ["no package", { packages: [] }],
])("%s is refused", (_, wrong) => {
  expect(isValid({ ...server, ...wrong })).toBe(false);
});
