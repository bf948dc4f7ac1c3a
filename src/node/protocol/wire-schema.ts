import { z } from "zod";
import type { SubnetObject } from "../../crypto/subnet-json.ts";

/** Schema of a JSON object as the lossless reader gives it; keys that are not named are ignored (spec 8.2). */
export function objectOf<S extends z.ZodRawShape>(shape: S) {
  return z
    .custom<SubnetObject>((value) => value instanceof Map)
    .transform((object): Record<string, unknown> => Object.fromEntries(object))
    .pipe(z.object(shape));
}

/** A finite number, whether it came as int or float. */
export const number = z.union([z.number(), z.bigint().transform(Number)]).refine(Number.isFinite);

/** An object that is passed on as it is. */
export const anyObject = z.custom<SubnetObject>((value) => value instanceof Map);
