import { readFileSync, writeFileSync } from "node:fs";
import solc from "solc";
import { z } from "zod";

const folder = new URL("../../../src/relay/evm/contracts/", import.meta.url);
const settings = {
  optimizer: { enabled: true, runs: 200 },
  // Nothing of the machine or the comments gets into the code: two compilers of one version agree on every byte.
  metadata: { bytecodeHash: "none" },
  evmVersion: "paris",
  outputSelection: { "*": { "*": ["evm.deployedBytecode.object"] } },
} as const;

const output = z.object({
  errors: z.array(z.object({ severity: z.string(), formattedMessage: z.string() })).optional(),
  contracts: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        evm: z.object({ deployedBytecode: z.object({ object: z.string().regex(/^[0-9a-f]+$/) }) }),
      }),
    ),
  ),
});

/** The text of a contract's artifact, as it is committed beside its source. */
export function compileContract(name: string): string {
  const file = `${name}.sol`;
  const content = readFileSync(new URL(file, folder), "utf8");
  const input = { language: "Solidity", sources: { [file]: { content } }, settings };
  const { errors = [], contracts } = output.parse(JSON.parse(solc.compile(JSON.stringify(input))));
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  const contract = contracts[file]?.[name];
  if (!contract) throw new Error(`${file} holds no contract ${name}`);
  const artifact = {
    contract: name,
    compiler: solc.version(),
    optimizerRuns: settings.optimizer.runs,
    evmVersion: settings.evmVersion,
    bytecodeHash: settings.metadata.bytecodeHash,
    deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
  };
  return `${JSON.stringify(artifact, null, 2)}\n`;
}

export function artifactUrl(name: string): URL {
  return new URL(`${name}.json`, folder);
}

// node test/relay/evm/compile-contract.ts TestDollar: writes the artifact anew
const [, script = "", wanted] = process.argv;
if (wanted !== undefined && script.endsWith("compile-contract.ts")) {
  writeFileSync(artifactUrl(wanted), compileContract(wanted));
}
