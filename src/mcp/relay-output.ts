import { EngramError } from "../crypto/errors.ts";
import { toHex } from "../crypto/hex.ts";
import type { Hotkey } from "../crypto/ss58.ts";
import type { PublicEvidence } from "../node/client/memory.ts";
import { scanForSecrets } from "../node/client/secret-scan.ts";
import { type FrozenOutput, freezeInference, freezeMemory } from "../relay/payload/freeze-output.ts";
import { sha256Hex } from "../relay/payload/hashes.ts";
import type { ToolContext } from "./tool.ts";
import type { SubmitArgs } from "./tools/relay-submit.ts";

export { subjectOf } from "../relay/payload/subject.ts";

interface RelayOutput {
  readonly frozen: FrozenOutput;
  /** What a person reads of it before agreeing. */
  readonly beginning: string;
}

/**
 * What is relayed for these arguments, looked through for secrets. Errors: `SECRET_FOUND`, `OUTPUT_INVALID`, and those
 * of `publicEvidence`.
 */
export function outputFor(args: SubmitArgs, context: ToolContext): Promise<RelayOutput> {
  return args.type === "memory" ? memoryOutput(args, context) : inferenceOutput(args);
}

/** Replicas and what they are called on the subnet (spec 9.8). */
const statuses = ["lost", "critical", "degraded"] as const;

async function memoryOutput({ ids = [], query }: SubmitArgs, context: ToolContext): Promise<RelayOutput> {
  const client = await context.client();
  const asked = query === undefined ? { ids } : { ids, query };
  const evidence = await client.publicEvidence(asked, { signal: context.signal });
  for (const { memory } of evidence) await assertNoSecret(`the memory ${memory.id}`, memory.text);
  const frozen = freezeMemory(
    evidence.map(({ miners, ...found }) => ({
      ...found,
      replicas: miners.length,
      status: statuses[miners.length] ?? "healthy",
    })),
    {
      querySha256: query === undefined ? null : sha256Hex(query),
      merkleRoot: null,
      minerHotkey: minerOfMost(evidence),
    },
  );
  return { frozen, beginning: evidence[0]?.memory.text ?? "" };
}

/** The miner that showed most of it. */
function minerOfMost(evidence: readonly PublicEvidence[]): Hotkey {
  const byMiner = Map.groupBy(
    evidence.flatMap(({ miners }) => miners),
    (miner) => miner,
  );
  const [most] = [...byMiner].sort(([, left], [, right]) => right.length - left.length);
  if (most) return most[0];
  throw new TypeError("evidence names its miners");
}

async function inferenceOutput(args: SubmitArgs): Promise<RelayOutput> {
  const { model = "", model_version = "", prompt = "", completion = "", finish_reason = "stop" } = args;
  for (const [name, text] of Object.entries({ completion, model, model_version })) await assertNoSecret(name, text);
  const { input_tokens = 0, output_tokens = 0, latency_ms = 0 } = args;
  const content = {
    model,
    model_version,
    prompt_sha256: sha256Hex(prompt),
    input_cids: [],
    completion,
    finish_reason,
    usage: { input_tokens, output_tokens },
    latency_ms,
    miner_uid: null,
    miner_hotkey: null,
    tool_calls: [],
  };
  const request_id = args.request_id ?? nameOf(content);
  return { frozen: freezeInference({ request_id, ...content }), beginning: completion };
}

/** The same inference has the same name, so that it is the same output (a UUID of version 8: RFC 9562). */
function nameOf(content: object): string {
  const bytes = Buffer.from(sha256Hex(JSON.stringify(content)), "hex").subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

async function assertNoSecret(what: string, text: string): Promise<void> {
  const [finding] = await scanForSecrets(text);
  if (!finding) return;
  const { kind, start, end } = finding;
  throw new EngramError("SECRET_FOUND", `${what} holds what looks like ${kind} at characters ${start} to ${end}`, {
    fix: "Remove it before it is published; nothing was sent.",
  });
}
