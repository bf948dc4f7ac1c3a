import { openApiDocument } from "../../src/node/protocol/openapi.ts";
import { ROUTES } from "../../src/node/protocol/openapi-routes.ts";
import { gatewayOpenApi } from "../../src/relay/gateway/gateway-openapi.ts";

interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly $ref?: string;
}

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly description?: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
  readonly responses?: Readonly<Record<string, { readonly description?: string }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const EXAMPLE = "https://engram.example.org";

/** docs/reference/miner.md, of the routes of a miner with every capability. */
export function minerReference(): string {
  const caps = ROUTES.flatMap(({ capability }) => capability ?? []);
  return reference("A miner's routes", openApiDocument(EXAMPLE, caps) as Document);
}

/** docs/reference/gateway.md. */
export function gatewayReference(): string {
  return reference("A gateway's routes", gatewayOpenApi(EXAMPLE) as Document);
}

function reference(title: string, { paths }: Document): string {
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => routeOf(path, method, operation)),
  );
  const from = "Made by `npm run reference` of the document that the service itself serves at `/openapi.json`.";
  return [
    `# ${title}`,
    "",
    `${from} Schemas are there in full; here stand the fields of the outermost object.`,
    "",
    ...routes,
  ].join("\n");
}

function routeOf(path: string, method: string, operation: Operation): string {
  const { summary = "", description, security = [], parameters = [], requestBody, responses = {} } = operation;
  const access = security.flatMap((one) => Object.keys(one));
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
  const fields = schema ? fieldsOf(schema) : [];
  return [
    `## ${method.toUpperCase()} ${path}`,
    "",
    `${summary}.${description === undefined ? "" : ` (${description})`}`,
    "",
    ...(access.length > 0 ? [`Needs: ${access.join(", ")}.`, ""] : []),
    ...(parameters.length > 0 ? [parameterTable(parameters), ""] : []),
    ...(fields.length > 0 ? [fieldTable(fields), ""] : []),
    `Answers: ${Object.entries(responses)
      .map(([status, { description: says = "" }]) => (says === "" ? status : `${status} (${says})`))
      .join(", ")}.`,
    "",
  ].join("\n");
}

function parameterTable(parameters: NonNullable<Operation["parameters"]>): string {
  const rows = parameters.map(
    ({ name, in: place, description = "" }) => `| \`${name}\` | ${place} | ${cell(description)} |`,
  );
  return ["| parameter | in | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly says: string;
}

function fieldTable(fields: readonly Field[]): string {
  const rows = fields.map(
    ({ name, type, required, says }) => `| \`${name}\`${required ? "" : "?"} | ${cell(type)} | ${cell(says)} |`,
  );
  return ["| field | type | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** Of alternatives, the fields of each: what only some have is not required. */
function fieldsOf(schema: Schema): readonly Field[] {
  const parts = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  const own = Object.entries(schema.properties ?? {}).map(([name, one]) => ({
    name,
    type: typeOf(one),
    required: schema.required?.includes(name) === true,
    says: one.description ?? "",
  }));
  const found = new Map<string, Field>();
  for (const part of parts.map(fieldsOf)) {
    for (const field of part) {
      const known = found.get(field.name);
      const everywhere = parts.every((one) =>
        fieldsOf(one).some(({ name, required }) => name === field.name && required),
      );
      const types = new Set([...(known?.type.split(" or ") ?? []), ...field.type.split(" or ")]);
      const required = schema.allOf ? field.required : everywhere;
      found.set(field.name, { ...(known ?? field), type: [...types].join(" or "), required });
    }
  }
  return [...own, ...found.values()];
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  const parts = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  if (parts.length > 0) return [...new Set(parts.map(typeOf))].join(" or ");
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1) ?? "object";
  if (schema.type === "array") return `array of ${schema.items ? typeOf(schema.items) : "any"}`;
  return [schema.type ?? "any"].flat().join(" or ");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
