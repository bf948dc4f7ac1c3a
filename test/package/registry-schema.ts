/**
 * The rules of the MCP registry's `server.json`, schema of 2025-12-11, for what ours uses: written after its public
 * documentation, and stricter in one place, since a misspelt field would be taken and do nothing.
 */
const input = {
  description: { type: "string", minLength: 1 },
  format: { enum: ["string", "number", "boolean", "filepath"] },
  isRequired: { type: "boolean" },
  isSecret: { type: "boolean" },
  default: { type: "string" },
  choices: { type: "array", items: { type: "string" } },
  value: { type: "string" },
};

const positional = {
  type: "object",
  additionalProperties: false,
  required: ["type"],
  anyOf: [{ required: ["value"] }, { required: ["valueHint"] }],
  properties: {
    ...input,
    type: { const: "positional" },
    valueHint: { type: "string" },
    isRepeated: { type: "boolean" },
  },
};

const exactVersion = {
  type: "string",
  maxLength: 255,
  // No range and no "latest".
  pattern: "^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?$",
};

const npmPackage = {
  type: "object",
  additionalProperties: false,
  required: ["registryType", "identifier", "version", "transport"],
  properties: {
    registryType: { const: "npm" },
    identifier: { type: "string", minLength: 1 },
    version: exactVersion,
    runtimeHint: { type: "string" },
    runtimeArguments: { type: "array", items: positional },
    packageArguments: { type: "array", items: positional },
    transport: {
      type: "object",
      additionalProperties: false,
      required: ["type"],
      properties: { type: { const: "stdio" } },
    },
    environmentVariables: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["name", "description"],
        properties: { ...input, name: { type: "string", pattern: "^[A-Z][A-Z0-9_]*$" } },
      },
    },
  },
};

export const registrySchema = {
  type: "object",
  additionalProperties: false,
  required: ["$schema", "name", "description", "version", "packages"],
  properties: {
    $schema: { const: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json" },
    name: { type: "string", minLength: 3, maxLength: 200, pattern: "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$" },
    title: { type: "string", minLength: 1, maxLength: 100 },
    description: { type: "string", minLength: 1, maxLength: 100 },
    version: exactVersion,
    websiteUrl: { type: "string", format: "uri" },
    packages: { type: "array", minItems: 1, items: npmPackage },
  },
};
