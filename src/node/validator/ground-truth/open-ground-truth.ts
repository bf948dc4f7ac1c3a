import { join } from "node:path";
import type { Logger } from "../../runtime/logger.ts";
import type { ValidatorConfig, ValidatorOptions } from "../validator-config.ts";
import { loadGroundTruth } from "./ground-truth-file.ts";
import { GroundTruthSet } from "./ground-truth-set.ts";

/** Where a validator's ground truth lies. */
export function groundTruthPath(folder: string, config: Pick<ValidatorConfig, "groundTruthPath">): string {
  return config.groundTruthPath ?? join(folder, "ground_truth.jsonl");
}

/** Loads the ground truth and says what of it cannot be used. Errors: `GROUND_TRUTH_UNREADABLE`. */
export async function openGroundTruth(
  path: string,
  { embeddingDim }: Pick<ValidatorOptions, "embeddingDim">,
  logger: Logger,
): Promise<GroundTruthSet> {
  const { entries, skipped } = await loadGroundTruth(path);
  const [line] = skipped;
  if (line !== undefined) logger.warn({ skipped: skipped.length, line }, "lines of the ground truth are no entries");
  const set = new GroundTruthSet(entries, embeddingDim);
  if (entries.length > 0) logger.info({ path, entries: set.size }, "the ground truth was loaded");
  if (entries.some(({ embedding }) => embedding.length !== embeddingDim)) {
    logger.warn({ path, embeddingDim }, "vectors of the ground truth have another length than this subnet's");
  }
  return set;
}
