import type { Command } from "commander";
import type { ChainClient, Neuron, WeightRow } from "../ports.ts";
import type { Equivocation } from "../validator/store/consensus-operations.ts";
import type { KeptSubmission } from "../validator/store/weights-operations.ts";
import { readChainAccess } from "./chain-access.ts";
import { usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, positiveInteger, run } from "./kit.ts";
import { columns, print } from "./output.ts";

interface Options extends CommonOptions {
  readonly block?: number;
  readonly folder?: string;
  readonly evidence?: boolean;
}

/** `engram weights`: what validators have set, and what became of this machine's own weights. */
export function weightsCommand(): Command {
  return dataCommand("weights", "show the weights on the chain, and what became of this validator's own")
    .argument("[validator]", "a hotkey or uid (default: all)")
    .option("--block <number>", "as of this block (default: the finalized one)", positiveInteger)
    .option("--folder <folder>", "the validator's folder (default: validator in the data folder)")
    .option("--evidence", "of validators that said two things of one round to this one, both as they signed them")
    .addHelpText("after", help)
    .action((validator: string | undefined, options: Options) => run(options, () => weights(validator, options)));
}

const help = `
Where the folder is that of a validator, its last submissions follow: sending, waiting, counts (read back from a finalized
block) or lost.

Environment:
  ENGRAM_CHAIN  finney, test, wss:// addresses separated by commas, local or local:URL (default: the chain of the data
                folder's "engram up")
  NETUID        the subnet there (default: 450)`;

interface ShownRow {
  readonly uid: number;
  readonly hotkey: string;
  readonly stakeTao: number;
  readonly weights: readonly {
    readonly uid: number;
    readonly hotkey: string;
    readonly weight: number;
    readonly share: number;
  }[];
}

async function weights(validator: string | undefined, options: Options): Promise<void> {
  const [access, { join }] = await Promise.all([readChainAccess(options.home), import("node:path")]);
  const folder = options.folder ?? join(access.home, "validator");
  if (options.evidence === true) return await print(options.json === true, await evidenceIn(folder), evidenceText);
  await using opened = await access.open();
  const { chain } = opened;
  const { block, neurons } = await chain.metagraph(options.block);
  const rows = shownRows(await chain.weights(block), neurons, wanted(validator, neurons));
  const terms = validator === undefined ? null : await termsOf(chain, rows[0], neurons, validator);
  const own = await ownSubmissions(folder);
  const shown = { chain: await chain.identity(), block, validators: rows, terms, own };
  await print(options.json === true, shown, (result) => asText(result));
}

/** The uid that was asked for; null for all. */
function wanted(validator: string | undefined, neurons: readonly Neuron[]): number | null {
  if (validator === undefined) return null;
  const found = neurons.find(({ uid, hotkey }) => hotkey === validator || String(uid) === validator);
  if (found) return found.uid;
  throw usageError("no neuron of this subnet has that hotkey or uid", "engram weights without a name shows all.");
}

function shownRows(
  rows: ReadonlyMap<number, WeightRow>,
  neurons: readonly Neuron[],
  only: number | null,
): readonly ShownRow[] {
  const byUid = new Map(neurons.map((neuron) => [neuron.uid, neuron]));
  return [...rows]
    .filter(([uid]) => only === null || uid === only)
    .sort(([one], [other]) => one - other)
    .map(([uid, row]) => {
      const sum = [...row.values()].reduce((total, weight) => total + weight, 0);
      const weights = [...row]
        .sort(([, one], [, other]) => other - one)
        .map(([target, weight]) => ({
          ...{ uid: target, hotkey: byUid.get(target)?.hotkey ?? "", weight },
          share: Math.round((weight / sum) * 1e4) / 1e4,
        }));
      const { hotkey = "", stakeTao = 0 } = byUid.get(uid) ?? {};
      return { uid, hotkey, stakeTao, weights };
    });
}

/** When that validator may set its next row. */
async function termsOf(chain: ChainClient, row: ShownRow | undefined, neurons: readonly Neuron[], validator: string) {
  const hotkey = neurons.find(
    (neuron) => neuron.hotkey === (row?.hotkey ?? validator) || String(neuron.uid) === validator,
  )?.hotkey;
  return hotkey === undefined ? null : await chain.weightsTerms(hotkey);
}

/** Null where the folder is no validator's. */
async function storeIn(folder: string) {
  const [{ existsSync }, { join }, { openValidatorStore }] = await Promise.all([
    import("node:fs"),
    import("node:path"),
    import("../validator/store/validator-store.ts"),
  ]);
  const path = join(folder, "validator.db");
  return existsSync(path) ? openValidatorStore(path) : null;
}

const SHOWN_EVIDENCE = 1_000;

async function evidenceIn(folder: string): Promise<{ readonly evidence: readonly Equivocation[] }> {
  await using store = await storeIn(folder);
  if (store === null) throw usageError("there is no validator in this folder", "name its folder with --folder.");
  return { evidence: await store.call("equivocations", { limit: SHOWN_EVIDENCE }) };
}

function evidenceText({ evidence }: { readonly evidence: readonly Equivocation[] }): string {
  if (evidence.length === 0) return "no validator was heard to say two things of one round";
  return evidence
    .map(({ roundId, validator, first, second, at }) => {
      return `round ${roundId}  ${validator}  ${new Date(at).toISOString()}\n  ${first}\n  ${second}`;
    })
    .join("\n\n");
}

async function ownSubmissions(folder: string) {
  await using store = await storeIn(folder);
  if (store === null) return null;
  const [submissions, heldBackSince] = await Promise.all([
    store.call("submissions", { limit: 10 }),
    store.call("heldBackSince", null),
  ]);
  return { heldBackSince, submissions: submissions.map(shownSubmission) };
}

function shownSubmission({ roundId, agreed, submission, state, included, at }: KeptSubmission) {
  const { path, block, revealBlock } = submission;
  return { roundId, agreed, path, block: block.number, revealBlock, state, included, at };
}

type Shown = {
  readonly block: number;
  readonly validators: readonly ShownRow[];
  readonly terms: Awaited<ReturnType<typeof termsOf>>;
  readonly own: Awaited<ReturnType<typeof ownSubmissions>>;
};

function asText({ block, validators, terms, own }: Shown): string {
  const lines = [`block ${block}`];
  if (validators.length === 0) lines.push("nobody has set weights");
  for (const { uid, hotkey, stakeTao, weights: row } of validators) {
    lines.push("", `uid ${uid}  ${hotkey}  ${stakeTao} TAO`);
    lines.push(
      columns(row.map((to) => [`  uid ${to.uid}`, to.hotkey, String(to.weight), `${(100 * to.share).toFixed(2)} %`])),
    );
  }
  if (terms) {
    const since = terms.lastSet === null ? "never" : `at block ${terms.lastSet}`;
    lines.push("", `last set ${since}; again after ${terms.rateLimit} blocks; an epoch has ${terms.tempo}`);
  }
  if (own) {
    lines.push("", "this validator's own:");
    if (own.heldBackSince !== null) lines.push(`  held back for want of a quorum since block ${own.heldBackSince}`);
    if (own.submissions.length === 0) lines.push("  none yet");
    lines.push(
      columns(
        own.submissions.map((one) => [
          ...[`  round ${one.roundId}`, one.path, `block ${one.block}`, one.state],
          one.agreed ? "" : "own scores, no quorum",
        ]),
      ),
    );
  }
  return lines.join("\n");
}
