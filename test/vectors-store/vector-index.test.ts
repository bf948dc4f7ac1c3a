import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { FlatIndex } from "../../src/node/vectors/scan/flat-index.ts";
import { IndexChoice } from "../../src/node/vectors/scan/index-choice.ts";
import { type Kernel, loadKernel } from "../../src/node/vectors/scan/kernel.ts";
import { KERNEL_BINARY } from "../../src/node/vectors/scan/kernel-binary.ts";
import { KernelIndex } from "../../src/node/vectors/scan/kernel-index.ts";
import { vectorIndexCompliance } from "../compliance/vector-index.ts";
import { assemble, kernelBytes } from "./assemble-kernel.ts";
import { sampleVector } from "./sample-records.ts";

const kernel = loadKernel() as Kernel;

vectorIndexCompliance("FlatIndex", (dim) => new FlatIndex(dim));
vectorIndexCompliance("KernelIndex", (dim) => new KernelIndex({ dim }, kernel));
// A megabyte holds one chunk of 32 numbers: every 4,096 rows another memory.
const shardBytes = 2 ** 20;
vectorIndexCompliance("KernelIndex with codes, in small shards", (dim) => {
  return new KernelIndex({ dim, codedFrom: 1, shardBytes }, kernel);
});
vectorIndexCompliance("KernelIndex without codes", (dim) => {
  return new KernelIndex({ dim, codedFrom: Number.POSITIVE_INFINITY, shardBytes }, kernel);
});

describe("the kernel", () => {
  test("is its source, byte by byte", async () => {
    expect(Buffer.from(KERNEL_BINARY, "base64").equals(await kernelBytes())).toBe(true);
  });

  test("is not used where it does not run or does not give the known answers", async () => {
    const source = await readFile(new URL("../../src/node/vectors/scan/scan-kernel.wat", import.meta.url), "utf8");
    const changed = async (from: string, to: string) => {
      expect(source).toContain(from);
      const bytes = await assemble("changed.wat", source.replace(from, to));
      return loadKernel(Buffer.from(bytes).toString("base64"));
    };
    expect(await changed("f32x4.mul (v128.load (local.get $row3))", "f32x4.mul (v128.load (local.get $row2))")).toEqual(
      {
        missing: "floats",
      },
    );
    expect(await changed("load64_zero offset=8 (local.get $row3)", "load64_zero (local.get $row3)")).toEqual({
      missing: "doubles",
    });
    expect(await changed("(f32.const 127)))", "(f32.const 126)))")).toEqual({ missing: "quantise" });
    expect(
      await changed(
        "(v128.load offset=16 (local.get $row1)) (local.get $v) (local.get $b)",
        "(local.get $v) (local.get $v) (local.get $b)",
      ),
    ).toEqual({
      missing: "codes",
    });
    expect(
      await changed("(local.get $z) (local.get $v) (local.get $c3)", "(local.get $w) (local.get $v) (local.get $c3)"),
    ).toEqual({
      missing: "codesOfFour",
    });
    expect(loadKernel("AAAA")).toHaveProperty("missing");
    expect(loadKernel()).toBeTypeOf("function");
  });

  test("is chosen once there is enough to scan, with everything that was held", () => {
    const choice = new IndexChoice("auto");
    const flat = choice.indexFor(undefined, 4, 10);
    expect(flat).toBeInstanceOf(FlatIndex);
    for (let row = 0; row < 200; row++) flat.add(row, sampleVector(row, 4));
    flat.remove(7);
    expect(choice.indexFor(flat, 4, 300)).toBe(flat);
    const larger = choice.indexFor(flat, 4, 65_536);
    expect(larger).toBeInstanceOf(KernelIndex);
    expect(larger.top(sampleVector(3, 4), 200)).toEqual(flat.top(sampleVector(3, 4), 200));
    expect(choice.indexFor(larger, 4, 1)).toBe(larger);
  });

  test("gives way to the plain scan when it is missing, unless it was demanded", () => {
    const missing = () => ({ missing: "no SIMD" });
    expect(new IndexChoice("auto", missing).indexFor(undefined, 4, 10 ** 7)).toBeInstanceOf(FlatIndex);
    expect(new IndexChoice("plain").indexFor(undefined, 4, 10 ** 7)).toBeInstanceOf(FlatIndex);
    expect(new IndexChoice("kernel").indexFor(undefined, 4, 1)).toBeInstanceOf(KernelIndex);
    expect(() => new IndexChoice("kernel", missing)).toThrowError(expect.objectContaining({ code: "SCAN_NO_KERNEL" }));
  });
});
