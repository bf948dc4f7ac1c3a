import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { createNodeFetch } from "../../src/node/chain/node-address.ts";
import { openWallet } from "../../src/node/chain/wallet.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { GroundTruthSet } from "../../src/node/validator/ground-truth/ground-truth-set.ts";
import { type MeasureDeps, measureMiners } from "../../src/node/validator/measure-miners.ts";
import { CALL_MS } from "../../src/node/validator/miner-probe.ts";
import { openValidatorStore } from "../../src/node/validator/store/validator-store.ts";
import type { CallableMiner, Measurement } from "../../src/node/validator/visit-miner.ts";
import { type Result, result } from "../report.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const MINERS = 256;
const SAMPLES = 5;
const DIM = 512;
const FAST_MS = 20;
const SLOW_MS = 600;
const SCRIPT = fileURLToPath(new URL("../scripted-miners-process.ts", import.meta.url));

/** Every tenth miner takes calls and never answers, every tenth is slow. */
const delays = Array.from({ length: MINERS }, (_, uid) => (uid % 10 === 3 ? null : uid % 10 === 7 ? SLOW_MS : FAST_MS));

/**
 * One whole scoring round of a validator over 256 miners on loopback, signed and over HTTP, beside its queries asked one
 * after another at the same latencies. A round before it places the canaries that a running validator has placed.
 */
export function validatorRound(): Promise<readonly Result[]> {
  return withTemporaryFolder(async (folder) => {
    const child = spawn(process.execPath, [SCRIPT, JSON.stringify(delays)], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [line] = await once(createInterface({ input: child.stdout }), "line");
      const urls: readonly string[] = JSON.parse(line);
      const miners = urls.map((endpoint, uid) => {
        return { uid, hotkey: hotkeyOf(randomBytes(32)), endpoint, stakeTao: 0 };
      });
      return await measured(folder, miners);
    } finally {
      child.kill("SIGKILL");
    }
  });
}

async function measured(folder: string, miners: readonly CallableMiner[]): Promise<readonly Result[]> {
  const [identity, sr25519] = await Promise.all([openWallet(join(folder, "identity")), loadSr25519()]);
  await using store = openValidatorStore(join(folder, "validator.db"));
  const deps: MeasureDeps = {
    ...{ store, identity, sr25519, clock: systemClock, logger: createLogger({ level: "silent" }) },
    ...{ chain: { identity: async () => "local:bench" }, signal: new AbortController().signal },
    ...{ http: createHttpClient(createNodeFetch({ isSimulated: true })), embeddingDim: DIM },
    groundTruth: new GroundTruthSet([], DIM),
  };
  const first = await timedRound(deps, miners);
  const later = await timedRound(deps, miners);
  const sequential = delays.reduce<number>((sum, delay) => sum + (delay ?? CALL_MS) * SAMPLES, 0) / 1_000;
  const baseline = { name: `${SAMPLES} queries a miner one after another, at these latencies`, value: sequential };
  const fast = later.measurements.filter((_, uid) => delays[uid] === FAST_MS);
  const latency = fast.reduce((sum, { latencyMs }) => sum + (latencyMs ?? CALL_MS), 0) / fast.length;
  const name = `a round of ${SAMPLES} samples over ${MINERS} miners, a tenth dead, a tenth slow`;
  return [
    result(`${name}, everything placed anew`, "s", first.seconds, baseline),
    result(name, "s", later.seconds, baseline),
    result(`${name}: memory at its peak`, "MB", later.peakMb, { name: "before it", value: later.beforeMb }),
    result("latency measured of a fast miner", "ms", latency, { name: "what it waits", value: FAST_MS }),
  ];
}

async function timedRound(deps: MeasureDeps, miners: readonly CallableMiner[]) {
  const megabytes = () => process.memoryUsage().rss / 2 ** 20;
  const beforeMb = megabytes();
  let peakMb = beforeMb;
  const watch = setInterval(() => {
    peakMb = Math.max(peakMb, megabytes());
  }, 20);
  const started = performance.now();
  try {
    const measurements = await measureMiners(deps, miners);
    const seconds = (performance.now() - started) / 1_000;
    check(measurements);
    return { measurements, seconds, beforeMb, peakMb: Math.max(peakMb, megabytes()) };
  } finally {
    clearInterval(watch);
  }
}

/** A busy machine may let a few calls pass their deadline. */
const MAX_WRONG = 5;

/** A round that was fast because it measured nothing is no figure. */
function check(measurements: readonly Measurement[]): void {
  const wrong = measurements.filter(({ recall, latencyMs, proofs }, uid) => {
    if (delays[uid] === null) return recall > 0 || latencyMs !== null;
    return recall < 1 || latencyMs === null || proofs.length !== SAMPLES || !proofs.every(Boolean);
  });
  if (wrong.length > MAX_WRONG) throw new Error(`${wrong.length} miners were measured wrongly`);
}
