import { mkdir, writeFile } from "node:fs/promises";
import { referenceFiles } from "./all.ts";

/** `npm run reference`: writes docs/reference anew. */
const folder = new URL("../../docs/reference/", import.meta.url);
await mkdir(folder, { recursive: true });
for (const [name, text] of referenceFiles()) await writeFile(new URL(name, folder), text);
