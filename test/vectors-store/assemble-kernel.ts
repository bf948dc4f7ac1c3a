// `npm run kernel`: makes src/node/vectors/scan/kernel-binary.ts of scan-kernel.wat. A test compares both.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import assembler from "wabt";

const SCAN = new URL("../../src/node/vectors/scan/", import.meta.url);
const LINE = 116;

/** The bytes of a WebAssembly text with what the kernel uses. */
export async function assemble(name: string, text: string): Promise<Uint8Array> {
  const wabt = await assembler();
  const parsed = wabt.parseWat(name, text, { simd: true, threads: true, relaxed_simd: true });
  try {
    return parsed.toBinary({}).buffer;
  } finally {
    parsed.destroy();
  }
}

export async function kernelBytes(): Promise<Uint8Array> {
  return await assemble("scan-kernel.wat", await readFile(new URL("scan-kernel.wat", SCAN), "utf8"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = Buffer.from(await kernelBytes())
    .toString("base64")
    .match(new RegExp(`.{1,${LINE}}`, "g"));
  const text = `/** scan-kernel.wat as WebAssembly, in base64. Made by \`npm run kernel\`; not edited by hand. */
export const KERNEL_BINARY = \`
${lines?.join("\n")}
\`;
`;
  await writeFile(new URL("kernel-binary.ts", SCAN), text);
}
