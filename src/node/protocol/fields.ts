import { z } from "zod";
import { isSubnetArray, isSubnetObject, type SubnetJson, type SubnetObject } from "../../crypto/subnet-json.ts";
import { Refusal } from "./refusal.ts";

const intText = /^\s*[-+]?[0-9]{1,19}\s*$/;
const numberText = /^\s*[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*$/;

/** Python's truth: on the wire a falsy value counts as absent for most fields (spec 7, `body_mapping`). */
export function isTruthy(value: SubnetJson | undefined): boolean {
  if (isSubnetArray(value)) return value.length > 0;
  if (isSubnetObject(value)) return value.size > 0;
  return Boolean(value);
}

/** A field that counts as absent when it is falsy. */
export function optional<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (isTruthy(value as SubnetJson) ? value : undefined), schema.optional());
}

export const text = z.string("must be text");

// What a JSON schema cannot tell of a schema by itself is told to it by `override`.
export const subnetObject = z
  .custom<SubnetObject>((value) => value instanceof Map, "must be an object")
  .meta({ override: { type: "object", additionalProperties: true } });

/** Numbers, and what the reference coerces to them: numeric text and booleans (spec 8.1). */
export const vector = z
  .custom<SubnetJson>(Array.isArray, "must be a list of numbers")
  .transform((value, context) => {
    const items = value as readonly SubnetJson[];
    if (items.every(isNumber)) return items;
    const vectorOf = new Array<number>(items.length);
    for (const [index, item] of items.entries()) {
      const component = numberOf(item);
      if (component === undefined) {
        context.addIssue({ code: "custom", message: "must hold numbers only" });
        return z.NEVER;
      }
      vectorOf[index] = component;
    }
    return vectorOf;
  })
  .meta({ override: { type: "array", items: { type: "number" } } });

/** A finite number, as int or float. */
export const finite = z
  .union([z.number(), z.bigint().transform(Number)], "must be a number")
  .refine(Number.isFinite, "must be a finite number");

/** Python's `int()`: floats are cut, int text is read (spec 8.2). Beyond 2^53 the nearest number. */
export const int = z
  .custom<SubnetJson>()
  .transform((value, context) => {
    const whole = intOf(value);
    if (whole === undefined) {
      context.addIssue({ code: "custom", message: "must be a whole number" });
      return z.NEVER;
    }
    return Number(whole);
  })
  .meta({ override: { type: "integer" } });

/** A timestamp as the wire takes it: ints, floats cut, int text; anything else counts as absent (spec 8.1). */
export const lenientTimestamp = z
  .custom<SubnetJson>()
  .transform(intOf)
  .optional()
  .meta({ override: { type: "integer", description: "unix time in milliseconds" } });

function isNumber(value: SubnetJson): value is number {
  return typeof value === "number";
}

function numberOf(value: SubnetJson): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint" || typeof value === "boolean") return Number(value);
  return typeof value === "string" && numberText.test(value) ? Number(value) : undefined;
}

function intOf(value: SubnetJson | undefined): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return BigInt(value);
  if (typeof value === "number") return Number.isFinite(value) ? BigInt(Math.trunc(value)) : undefined;
  return typeof value === "string" && intText.test(value) ? BigInt(value.trim().replace("+", "")) : undefined;
}

/** Reads a body by its schema; what the reference answers with 500 becomes 400 and names the field (M-W20). */
export function readFields<T extends z.ZodType>(schema: T, body: SubnetObject): z.output<T> {
  const read = schema.safeParse(Object.fromEntries(body));
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw new Refusal(400, `${issue?.path.join(".") ?? "the body"} ${issue?.message ?? "is malformed"}`);
}
