import { describe, expect, it } from "vitest";
import { judge } from "../../eval/recall-measure.ts";

const found = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];

describe("the measure of recall", () => {
  it.each([
    [["a"], { r5: 1, r10: 1, mrr10: 1 }],
    [["c", "f"], { r5: 0.5, r10: 1, mrr10: 1 / 3 }],
    [["j"], { r5: 0, r10: 1, mrr10: 0.1 }],
    [["k"], { r5: 0, r10: 0, mrr10: 0 }],
    [["b", "b", "z"], { r5: 0.5, r10: 0.5, mrr10: 0.5 }],
  ])("evidence %j", (evidence, figures) => {
    expect(judge(found, { evidence })).toEqual(figures);
  });

  it("a turn found twice counts once", () => {
    expect(judge(["a", "a"], { evidence: ["a", "b"] }).r10).toBe(0.5);
  });
});
