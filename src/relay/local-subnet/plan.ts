import { devNull } from "node:os";
import { join } from "node:path";
import type { Environment } from "../../node/runtime/config.ts";

/** What `engram up` was asked for. */
export interface SubnetPlan {
  /** The agent's data folder; the subnet lives in `subnet` beneath it. */
  readonly home: string;
  readonly blockMs: number;
  readonly miners: number;
  readonly validators: number;
  /** False: no payment chain, and the gateway is free. */
  readonly payments: boolean;
  /** Whether a process that ends is started again. */
  readonly restart: boolean;
  /** Dollars a submission, as in `0.001`. */
  readonly price: string;
}

export const CHAIN = "chain";
export const GATEWAY = "gateway";
export const ANVIL = "anvil";

/** What each payer of the subnet may spend a day, in test dollars. */
export const DAILY_BUDGET_USD = "1";

export function minerNames({ miners }: SubnetPlan): readonly string[] {
  return Array.from({ length: miners }, (_, i) => `miner-${i + 1}`);
}

export function validatorNames({ validators }: SubnetPlan): readonly string[] {
  return Array.from({ length: validators }, (_, i) => `validator-${i + 1}`);
}

/** In the order they start. */
export function processNames(plan: SubnetPlan): readonly string[] {
  return [CHAIN, ...minerNames(plan), ...(plan.payments ? [ANVIL] : []), GATEWAY, ...validatorNames(plan)];
}

/** The name in the file of ports under which a process's operator listener is; of those that have one. */
export function operatorName(name: string): string {
  return `${name}-metrics`;
}

/** The processes with metrics: all but those that only stand in for a chain. */
export function measuredNames(plan: SubnetPlan): readonly string[] {
  return processNames(plan).filter((name) => name !== CHAIN && name !== ANVIL);
}

export function subnetFolder({ home }: Pick<SubnetPlan, "home">): string {
  return join(home, "subnet");
}

/** Where a process of the subnet keeps what is its own. */
export function folderOf(plan: Pick<SubnetPlan, "home">, name: string): string {
  return join(subnetFolder(plan), name === ANVIL ? "evm" : name);
}

/**
 * Without the first a process does not find its programs, its owner's folder or its temporary files. The others say where
 * traces go: a subnet is one place to see a call's whole way in.
 */
const PASSED_ON = [
  ...["PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SystemRoot", "USERPROFILE", "LOCALAPPDATA"],
  ...["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"],
  ...["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SDK_DISABLED"],
  "ENGRAM_TRACES_FROM_STRANGERS",
];

/**
 * What every process of the subnet is started with. It is made here and never the owner's whole environment: a relay or
 * chain set there for other work must not get into this subnet.
 */
export function baseEnvironment(environment: Environment): Record<string, string> {
  const passed = PASSED_ON.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  // That a process serves is read from its log. No balancer stands before it that would have to be told of its stop. A
  // .env where the owner happens to be is the owner's, too.
  return { ...Object.fromEntries(passed), ENGRAM_LOG_LEVEL: "info", ENGRAM_DRAIN_SECONDS: "0", ENV_FILE: devNull };
}
