import { z } from "zod";

const scalar = z.union([z.string().max(1_000), z.number(), z.boolean(), z.null()]);
const ordered = z.union([z.string().max(1_000), z.number()]);

/** One condition on a metadata key: all operators named must hold. */
const conditionSchema = z
  .strictObject({
    eq: scalar.optional(),
    in: z.array(scalar).min(1).max(100).optional(),
    gt: ordered.optional(),
    gte: ordered.optional(),
    lt: ordered.optional(),
    lte: ordered.optional(),
    exists: z.boolean().optional(),
  })
  .refine((condition) => Object.keys(condition).length > 0, "name an operator: eq, in, gt, gte, lt, lte or exists");

export type Condition = z.infer<typeof conditionSchema>;

/** A filter over metadata: keys with a value (equality) or a condition; `and`, `or`, `not` nest. */
export type Filter =
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }
  | { readonly key: string; readonly is: Condition };
