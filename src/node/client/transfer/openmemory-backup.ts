import { z } from "zod";

const named = z.array(z.looseObject({ id: z.string(), name: z.string() }));
const backup = z.looseObject({ apps: named, categories: named });
const item = z.looseObject({ app_id: z.string().nullish(), category_ids: z.array(z.string()) });

/**
 * How the memories of `document` are told: those of OpenMemory's `memories.json` name the owner, app and categories by
 * ids, and are told as its `memories.jsonl.gz` has them. So the one imported after the other is there already.
 */
export function backupItems(document: unknown): (value: unknown) => unknown {
  const { success, data } = backup.safeParse(document);
  if (!success) return (value) => value;
  const apps = new Map(data.apps.map(({ id, name }) => [id, name]));
  const categories = new Map(data.categories.map(({ id, name }) => [id, name]));
  return (value) => {
    const found = item.safeParse(value);
    if (!found.success) return value;
    const { app_id, category_ids, user_id: _, ...rest } = found.data;
    const app = apps.get(app_id ?? "");
    return {
      ...rest,
      app,
      categories: category_ids.map((id) => categories.get(id)).filter((name) => name !== undefined),
    };
  };
}
