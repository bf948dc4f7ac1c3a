import { z } from "zod";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { ChainSigner } from "../../ports.ts";
import type { SignerOf } from "../local/http-local-chain.ts";
import type { ChainReader, StateAt } from "./chain-reader.ts";
import type { CommitJournal, HashCommit } from "./commit-journal.ts";
import { ERA_BLOCKS } from "./extrinsic.ts";
import type { ExtrinsicSubmitter } from "./extrinsic-submitter.ts";
import { parse } from "./subnet-state.ts";

/** What the chain keeps of a hash commit, with the window that it gave it. */
const stored = z.array(z.tuple([z.string(), z.number(), z.number(), z.number()])).nullable();

interface Deps {
  readonly netuid: number;
  readonly reader: ChainReader;
  readonly submitter: ExtrinsicSubmitter;
  readonly journal: CommitJournal;
  readonly signerOf: SignerOf;
}

/**
 * Reveals the hash commits whose window is open and forgets those that the finalized chain is done with. Returns how
 * many of this process are left. Errors: those of `ExtrinsicSubmitter` and `CommitJournal`.
 */
export async function revealDue(deps: Deps): Promise<number> {
  const { netuid, reader, journal, signerOf } = deps;
  const pending = (await journal.pending()).filter((commit) => commit.netuid === netuid);
  let left = 0;
  for (const commit of pending) {
    const signer = await signerOf(commit.hotkey);
    // Another process's: it holds the key and keeps the file.
    if (signer?.hotkey !== commit.hotkey) continue;
    const head = await reader.stateAtHead();
    if (commit.genesis !== head.runtime.facts.genesis) continue;
    const window = await windowOf(reader, head, commit);
    const next = head.block.number + 1;
    if (window && next >= window.first && next <= window.last) await reveal(deps, signer, commit);
    if (await isOver(reader, commit)) await journal.remove(commit);
    else left++;
  }
  return left;
}

async function reveal({ netuid, submitter }: Deps, signer: ChainSigner, commit: HashCommit): Promise<void> {
  const { uids, values, salt } = commit;
  const args = { netuid, uids, values, salt, versionKey: BigInt(commit.versionKey) };
  await submitter.submit(signer, { pallet: "subtensorModule", name: "revealWeights", args });
}

/** By the finalized chain alone: what the head does not have may be back after a reorganisation. */
async function isOver(reader: ChainReader, commit: HashCommit): Promise<boolean> {
  const state = await reader.stateAt();
  const window = await windowOf(reader, state, commit);
  if (window) return state.block.number > window.last;
  // Not there: it may yet come for as long as the commit's signature is good.
  return state.block.number > commit.after + ERA_BLOCKS;
}

async function windowOf(
  reader: ChainReader,
  state: StateAt,
  { netuid, hotkey, commitHash }: { readonly netuid: number; readonly hotkey: Hotkey; readonly commitHash: string },
): Promise<{ readonly first: number; readonly last: number } | undefined> {
  const [commits] = await reader.read(state, [["subtensorModule.weightCommits", netuid, hotkey]]);
  const found = parse(stored, commits)?.find(([hash]) => hash === commitHash);
  return found && { first: found[2], last: found[3] };
}
