import { KERNEL_BINARY } from "./kernel-binary.ts";
import { kernelFault } from "./kernel-self-test.ts";

/** Over rows in the instance's memory: `rows` of `bytes` each from `row` on, or at the addresses in `list`. */
type Products = (list: number, row: number, rows: number, bytes: number, query: number, out: number) => void;

/** What scan-kernel.wat exports; addresses and sizes in bytes. */
interface KernelFunctions {
  readonly floats: Products;
  readonly doubles: Products;
  readonly codes: Products;
  readonly codesOfFour: Products;
  readonly quantise: (row: number, rows: number, bytes: number, inverses: number, codes: number, out: number) => void;
}

/** A memory with the kernel over it. It grows in place: views made before stay valid, because it is a shared one. */
export interface KernelInstance {
  readonly memory: WebAssembly.Memory;
  readonly functions: KernelFunctions;
}

/** Makes instances; `most` is what the memory may grow to, in bytes, at most 4 GiB. */
export type Kernel = (first: number, most: number) => KernelInstance;

const PAGE = 65_536;

/** The kernel, after its known-answer check; else why this machine has none. */
export function loadKernel(binary = KERNEL_BINARY): Kernel | { readonly missing: string } {
  try {
    const module = new WebAssembly.Module(Buffer.from(binary, "base64"));
    const kernel: Kernel = (first, most) => {
      const sizes = { initial: Math.ceil(first / PAGE), maximum: Math.ceil(most / PAGE) };
      const memory = new WebAssembly.Memory({ ...sizes, shared: true });
      const { exports } = new WebAssembly.Instance(module, { scan: { memory } });
      return { memory, functions: exports as unknown as KernelFunctions };
    };
    const fault = kernelFault(kernel);
    return fault === undefined ? kernel : { missing: fault };
  } catch (error) {
    // No SIMD, no shared memory, no room for the memory: whatever it is, the plain scan answers the same.
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

/** Grows by at least `bytes`. */
export function grow({ memory }: KernelInstance, bytes: number): void {
  memory.grow(Math.ceil(bytes / PAGE));
}
