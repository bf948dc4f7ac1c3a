import type { StubFaults, SubtensorStub } from "./subtensor-stub.ts";

/** What a node of a chain may do wrong, by name. */
const FAULTS = {
  calm: () => ({}),
  silence: () => ({ hang: new Set(["*"]) }),
  "cut before": () => ({
    cutBefore: new Set(["chain_getBlockHash", "state_queryStorageAt", "author_submitAndWatchExtrinsic"]),
  }),
  "cut after": () => ({ cutAfter: new Set(["author_submitAndWatchExtrinsic"]) }),
  behind: () => ({ lag: 5 }),
  forked: () => ({ forkedFrom: 3 }),
  "forked and overstating": () => ({ forkedFrom: 3, overstates: 3 }),
  overstating: () => ({ overstates: 3 }),
  garbled: () => ({ garble: new Set(["chain_getFinalizedHead"]) }),
  throttling: () => ({ throttle: 2 }),
  refusing: () => ({ refuse: { code: 1014, data: "Priority is too low" } }),
} satisfies Record<string, () => StubFaults>;

export type Weather = keyof typeof FAULTS;
export const WEATHER = Object.keys(FAULTS) as readonly Weather[];

export function clearFaults(faults: StubFaults): void {
  for (const key of Object.keys(faults)) delete faults[key as keyof StubFaults];
}

/** One node misbehaves at a time; the other two are honest. Returns how. */
export function spoil(nodes: readonly SubtensorStub[], random: () => number): Weather {
  for (const { faults } of nodes) clearFaults(faults);
  const bad = nodes[Math.floor(random() * nodes.length)];
  const weather = WEATHER[Math.floor(random() * WEATHER.length)] ?? "calm";
  if (bad) Object.assign(bad.faults, FAULTS[weather]());
  return weather;
}
