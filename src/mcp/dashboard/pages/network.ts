import { html } from "hono/html";
import type { ClientStatus, Placement } from "../../../node/client/memory.ts";
import type { ChainClient, MinerScore, Neuron, WeightRow } from "../../../node/ports.ts";
import { visible } from "../../../node/runtime/visible-text.ts";
import type { ValidatorStore } from "../../../node/validator/store/validator-store.ts";
import { attempt, type PageContext } from "../context.ts";
import { count, counted, duration, percent, short } from "../format.ts";
import { newestScores, recallOverRounds, sharesOf, weightsOverRounds } from "../network-series.ts";
import { emptyState, type Html, type PageBody } from "../page.ts";
import { figure, MAX_POINTS } from "../plot.ts";
import { recently } from "../recently.ts";

const PAGE = 64;
/** A block takes longer on a real chain, and a round much longer. */
const BLOCK_MS = 10_000;
const ROUNDS_MS = 30_000;
/** Weights of one validator that are named; the command shows all. */
const SHOWN_WEIGHTS = 8;

/** Nodes, scores, weights, and where this home's records lie. */
export async function networkPage(context: PageContext): Promise<PageBody> {
  const validating = await validators(context);
  const scores = newestScores(validating[0]?.rounds ?? []);
  const content = html`<h1>Network</h1>
${await attempt(
  context,
  () => context.sources.chain(),
  (chain) =>
    chain
      ? html`<div id="chain" data-live-part="chain">${attempt(
          context,
          () => chainNow(chain, context.now),
          (now) => chainParts(now, scores, context),
        )}</div>`
      : noSubnet(),
)}
<div id="rounds" data-live-part="rounds">${validating.map(overRounds)}</div>
${await attempt(
  context,
  async () => {
    const client = await context.sources.memory();
    return { placement: await client.placement(), status: await client.status() };
  },
  ({ placement, status }) =>
    html`<section id="placement" data-live-part="placement" aria-labelledby="placement-title"><h2 id="placement-title">Where this home's records lie</h2>${placementTable(placement, status)}</section>`,
)}`;
  return { section: "network", title: "Network", content, live: true };
}

function noSubnet(): Html {
  return emptyState(
    "This home is on its own.",
    html`<code>engram up</code> runs a whole subnet on this machine; <code>ENGRAM_CHAIN</code> names another. Memories work without one.`,
  );
}

interface Validating {
  readonly name: string;
  readonly rounds: Parameters<typeof recallOverRounds>[0];
  readonly submissions: Parameters<typeof weightsOverRounds>[0];
  readonly heldBackSince: number | null;
}

/** Validators of this home; one whose file cannot be read hides none of the others. */
async function validators({ sources, now }: PageContext): Promise<readonly Validating[]> {
  const found = (await sources.nodes()).map(async ({ name, ...node }): Promise<readonly Validating[]> => {
    const store = await sources.validator({ name, ...node });
    return store ? [{ name, ...(await roundsOf(store, now)) }] : [];
  });
  const settled = await Promise.allSettled(found);
  return settled.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
}

const roundsOf = recently(ROUNDS_MS, async (store: ValidatorStore): Promise<Omit<Validating, "name">> => {
  const [rounds, submissions, heldBackSince] = await Promise.all([
    store.call("settledAfter", { roundId: -1 }),
    store.call("submissions", { limit: MAX_POINTS }),
    store.call("heldBackSince", null),
  ]);
  return { rounds, submissions, heldBackSince };
});

interface ChainNow {
  readonly identity: string;
  readonly head: number;
  readonly finalized: number;
  readonly neurons: readonly Neuron[];
  readonly weights: ReadonlyMap<number, WeightRow>;
}

const chainNow = recently(BLOCK_MS, async (chain: ChainClient): Promise<ChainNow> => {
  const [identity, head, { block, neurons }] = await Promise.all([chain.identity(), chain.head(), chain.metagraph()]);
  return { identity, head: head.number, finalized: block, neurons, weights: await chain.weights(block) };
});

function chainParts(now: ChainNow, scores: ReadonlyMap<number, MinerScore>, { query }: PageContext): Html {
  const { identity, head, finalized, neurons, weights } = now;
  const asked = Number(/^\d{1,5}$/.exec(query.get("from") ?? "")?.[0] ?? 0);
  const from = asked < neurons.length ? asked : 0;
  const shown = neurons.slice(from, from + PAGE);
  return html`<p class="muted">Chain <code>${visible(identity)}</code>, block ${count(head)}, final up to ${count(finalized)}.</p>
<section aria-labelledby="nodes"><h2 id="nodes">${counted(neurons.length, "node")}</h2>
${neurons.length === 0 ? html`<p class="muted">Nobody is registered yet.</p>` : nodeTable(shown, scores)}
${pager(from, neurons.length)}</section>
<section aria-labelledby="weights"><h2 id="weights">Weights on the chain</h2>${weightsTable(weights, neurons)}</section>`;
}

function nodeTable(neurons: readonly Neuron[], scores: ReadonlyMap<number, MinerScore>): Html {
  const most = Math.max(...neurons.map(({ incentive }) => incentive), Number.MIN_VALUE);
  const rows = neurons.map(({ uid, hotkey, validatorPermit, stakeTao, incentive, endpoint }) => {
    const score = scores.get(uid);
    return html`<tr><th scope="row" class="number">${uid}</th><td>${short(hotkey)}</td><td>${validatorPermit ? html`<span class="badge note">validator</span>` : html`<span class="badge">miner</span>`}</td>
<td class="number">${count(stakeTao)} TAO</td><td><meter min="0" max="${most}" value="${incentive}" aria-label="Incentive of uid ${uid}"></meter> ${percent(incentive)}</td>
<td class="number">${score ? percent(score.recall) : "–"}</td><td class="number">${score?.latencyMs === null || score === undefined ? "–" : duration(score.latencyMs)}</td><td class="number">${score ? percent(score.proofRate) : "–"}</td>
<td>${endpoint === null ? "–" : html`<code>${visible(endpoint)}</code>`}</td></tr>`;
  });
  return html`<div class="scroll card flush" tabindex="0" role="region" aria-label="Nodes"><table>
<thead><tr><th scope="col" class="number">Uid</th><th scope="col">Hotkey</th><th scope="col">Role</th><th scope="col" class="number">Stake</th><th scope="col">Incentive</th><th scope="col" class="number">Recall</th><th scope="col" class="number">Latency</th><th scope="col" class="number">Proofs</th><th scope="col">Serves at</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function pager(from: number, all: number): Html | string {
  if (all <= PAGE) return "";
  const to = Math.min(from + PAGE, all);
  return html`<nav aria-label="Pages of nodes" class="actions"><span class="muted">${from + 1} to ${to} of ${all}</span>
${from > 0 ? html`<a class="button" href="/network?from=${Math.max(0, from - PAGE)}">Before</a>` : ""}${to < all ? html`<a class="button" href="/network?from=${to}">Next</a>` : ""}</nav>`;
}

function weightsTable(weights: ReadonlyMap<number, WeightRow>, neurons: readonly Neuron[]): Html {
  if (weights.size === 0)
    return html`<p class="muted">No validator has set weights yet; the first come after a round.</p>`;
  const hotkeys = new Map(neurons.map(({ uid, hotkey }) => [uid, hotkey]));
  const rows = [...weights].slice(0, PAGE).map(([uid, row]) => {
    const shares = [...sharesOf(row)].sort(([, one], [, other]) => other - one);
    const more = shares.length - SHOWN_WEIGHTS;
    return html`<tr><th scope="row" class="number">${uid}</th><td>${short(hotkeys.get(uid) ?? "")}</td><td>${shares
      .slice(0, SHOWN_WEIGHTS)
      .map(
        ([to, share]) => html`<span class="badge">uid ${to}: ${percent(share)}</span> `,
      )}${more > 0 ? `and ${more} more` : ""}</td></tr>`;
  });
  return html`<div class="scroll card flush" tabindex="0" role="region" aria-label="Weights on the chain"><table>
<thead><tr><th scope="col" class="number">Uid</th><th scope="col">Validator</th><th scope="col">Gives</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function overRounds({ name, rounds, submissions, heldBackSince }: Validating): Html {
  const recall = recallOverRounds(rounds);
  const weights = weightsOverRounds(submissions);
  const more = (hidden: number) => (hidden === 0 ? "" : `, the first 6 of ${hidden + 6} miners`);
  const along = (values: readonly number[]) => ({ name: "Round", kind: "number" as const, values });
  const empty = "Two settled rounds make a line; there are fewer so far.";
  return html`<section aria-labelledby="of-${name}"><h2 id="of-${name}">Rounds of ${name}</h2>
${heldBackSince === null ? "" : html`<p><span class="badge warn">Held back</span> Weights wait for a quorum since block ${count(heldBackSince)}.</p>`}
<div class="plots">
${figure({ id: `plot-recall-${name}`, title: "Scores", unit: `recall${more(recall.more)}`, along: along(recall.rounds), lines: recall.lines, show: percent, values: "share", empty })}
${figure({ id: `plot-weights-${name}`, title: "Weights", unit: `share of its row${more(weights.more)}`, along: along(weights.rounds), lines: weights.lines, show: percent, values: "share", empty })}
</div></section>`;
}

function placementTable(placement: readonly Placement[], { miners }: ClientStatus): Html {
  if (placement.length === 0) {
    return emptyState("No record has left this machine.", "Copies are made in the background once miners are known.");
  }
  const known = new Map(miners.map((miner) => [miner.hotkey, miner]));
  const most = Math.max(1, ...placement.map(({ held }) => held));
  const rows = placement.slice(0, PAGE).map(({ miner, held, waiting, deleting }) => {
    const view = known.get(miner);
    const [word, kind] =
      view === undefined ? ["not in use", ""] : view.reachable ? ["answers", "good"] : ["silent", "warn"];
    return html`<tr><th scope="row">${short(miner)}</th><td><span class="badge ${kind}">${word}</span></td><td><meter min="0" max="${most}" value="${held}" aria-label="Records held by ${miner.slice(0, 8)}"></meter> ${count(held)}</td>
<td class="number">${count(waiting)}</td><td class="number">${count(deleting)}</td><td>${view ? html`<code>${visible(view.url)}</code>` : "–"}</td></tr>`;
  });
  return html`<div class="scroll card flush" tabindex="0" role="region" aria-label="Records by miner"><table>
<thead><tr><th scope="col">Miner</th><th scope="col">State</th><th scope="col">Holds</th><th scope="col" class="number">On their way</th><th scope="col" class="number">Being deleted</th><th scope="col">Address</th></tr></thead><tbody>${rows}</tbody></table></div>
${placement.length <= PAGE ? "" : html`<p class="muted">The ${PAGE} that hold most, of ${count(placement.length)}.</p>`}`;
}
