import type { ClientStatus, MemoryClient } from "../../client/memory.ts";
import { systemClock } from "../../runtime/clock.ts";
import { count } from "../output.ts";
import { broken, type Finding, ok, warning } from "./check.ts";

const CLOCK_SKEW_MS = 30_000;
const CLOCK_DEADLINE_MS = 3_000;

/** What the opened client says of itself. The store refuses to open with unsafe SQLite settings, so open means checked. */
export function statusFindings(status: ClientStatus): readonly Finding[] {
  const { chain, memories, namespaces, journal } = status;
  return [
    status.backup === "made"
      ? ok("wallet", `${status.hotkey}, backed up`)
      : warning("wallet", `${status.hotkey}, backup: never made`, 'Run "engram wallet backup" in a terminal.'),
    ok(
      "data",
      `${count(memories, "memory", "memories")} in ${count(namespaces, "namespace")}; SQLite settings are the durable ones`,
    ),
    indexFinding(status),
    ok("chain", `${chain.identity}, block ${chain.block}`),
    journal.failed === 0
      ? ok("journal", `${journal.pushes} to push, ${journal.deletes} to delete`)
      : warning("journal", `${journal.failed} pushes or deletes failed for good`, 'See "engram status".'),
  ];
}

function indexFinding({ awaitingVectors, otherModelVectors, embedder }: ClientStatus): Finding {
  if (otherModelVectors > 0) {
    const detail = `${count(otherModelVectors, "part")} embedded by another model than ${embedder.model}, found by words alone`;
    return warning("index", detail, 'Run "engram reindex", or set ENGRAM_EMBEDDER as it was.');
  }
  if (awaitingVectors === 0) return ok("index", "every memory has its vector");
  const texts = awaitingVectors === 1 ? "1 text has" : `${awaitingVectors} texts have`;
  const fix =
    "They are found by their words meanwhile. A server that runs makes them, and so does a question: engram query.";
  return warning("index", `${texts} no vector yet`, fix);
}

/** Whether the model that the settings name can be opened. */
export async function checkEmbedderSettings(home: string | undefined): Promise<Finding> {
  const [{ homeOf }, { readClientSettings }, { openEmbedder }] = await Promise.all([
    import("../open-client.ts"),
    import("../client-settings.ts"),
    import("../../embedding/open-embedder.ts"),
  ]);
  const folder = await homeOf(home);
  const { embedding } = await readClientSettings(folder);
  await using embedder = await openEmbedder(embedding, { home: folder, clock: systemClock });
  return ok("embedder", embedder.profile.model);
}

/** Whether the embedder turns a sentence into vectors: a recall by meaning needs one. */
export async function checkEmbedder(client: MemoryClient, status: ClientStatus): Promise<Finding> {
  const started = performance.now();
  await client.query({ query: "Is anybody there?", mode: "semantic", limit: 1 });
  const { model, dim } = status.embedder;
  return ok(
    "embedder",
    `${model}, ${dim} dimensions, first answer after ${Math.round(performance.now() - started)} ms`,
  );
}

/** Whether the miners that should hold replicas answer. */
export function checkMiners({ miners, replicas }: ClientStatus): Finding {
  const remote = miners.filter(({ url }) => /^https?:/.test(url));
  if (remote.length === 0) return ok("miners", replicas.note ?? "none configured: memories are on this machine only");
  const silent = remote.filter(({ reachable }) => !reachable);
  const able = remote.filter(({ caps }) => caps.includes("private1")).length;
  const detail = `${remote.length - silent.length} of ${remote.length} answer, ${able} take private memories`;
  if (silent.length === 0) return ok("miners", detail);
  const fix = `Check that these run and that ENGRAM_MINERS names them: ${silent.map(({ url }) => url).join(", ")}`;
  return silent.length === remote.length ? broken("miners", detail, fix) : warning("miners", detail, fix);
}

/** Whether this clock agrees with that of a miner that answers: signed requests carry the time. */
export async function checkClock({ miners }: ClientStatus): Promise<Finding> {
  const answering = miners.find(({ url, reachable }) => reachable && /^https?:/.test(url));
  if (answering === undefined) return ok("clock", "no miner to compare with");
  const asked = Date.now();
  const response = await fetch(new URL("/health", answering.url), {
    signal: AbortSignal.timeout(CLOCK_DEADLINE_MS),
    redirect: "manual",
  });
  await response.body?.cancel();
  const theirs = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(theirs)) return ok("clock", "the miner does not tell its time");
  // The header has whole seconds, and the answer took some time itself.
  const skew = Math.max(0, Math.abs(theirs - (asked + Date.now()) / 2) - 1_000);
  if (skew < CLOCK_SKEW_MS) return ok("clock", "agrees with a miner's");
  const fix = "Let the system set the time (timedatectl set-ntp true, or the settings of the system).";
  return broken("clock", `${Math.round(skew / 1_000)} s apart from a miner's`, fix);
}
