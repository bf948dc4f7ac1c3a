import { EngramError } from "../../../crypto/errors.ts";
import type { ScanMode } from "../../runtime/config-scan.ts";
import { FlatIndex } from "./flat-index.ts";
import { type Kernel, loadKernel } from "./kernel.ts";
import { KernelIndex } from "./kernel-index.ts";
import type { VectorIndex } from "./vector-index.ts";

/** Below this the plain scan takes a millisecond or less, and every kernel index reserves addresses for a memory. */
const KERNEL_FROM_BYTES = 2 ** 20;

/** Chooses the index for a number of vectors, by what the machine can do and the mode says. */
export class IndexChoice {
  readonly #kernel: Kernel | undefined;
  readonly #from: number;

  /** Errors: `SCAN_NO_KERNEL` when `mode` demands the kernel and this machine cannot run it. */
  constructor(mode: ScanMode, load: typeof loadKernel = loadKernel) {
    const kernel = mode === "plain" ? undefined : load();
    if (mode === "kernel" && typeof kernel !== "function") {
      throw new EngramError("SCAN_NO_KERNEL", `the scan kernel does not run here: ${kernel?.missing}`, {
        fix: "set ENGRAM_SCAN=auto, or leave it out",
      });
    }
    this.#kernel = typeof kernel === "function" ? kernel : undefined;
    this.#from = mode === "kernel" ? 0 : KERNEL_FROM_BYTES;
  }

  /** The index to hold `rows` vectors: `held`, or another with everything `held` has. */
  indexFor(held: VectorIndex | undefined, dim: number, rows: number): VectorIndex {
    const kernel = this.#kernel;
    const isEnough = kernel !== undefined && rows * dim * Float32Array.BYTES_PER_ELEMENT >= this.#from;
    if (held instanceof KernelIndex || (held !== undefined && !isEnough)) return held;
    if (!isEnough) return new FlatIndex(dim);
    const index = new KernelIndex({ dim }, kernel);
    if (held instanceof FlatIndex) for (const [row, vector] of held.entries()) index.add(row, vector);
    return index;
  }
}
