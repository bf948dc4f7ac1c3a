import type { Hit, Memory } from "../client/memory.ts";
import { wallClock } from "../runtime/wall-clock.ts";

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ["year", 365 * 86_400_000],
  ["month", 30 * 86_400_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** How long ago `then` was, in one unit. */
export function ago(then: number, now: number = Date.now()): string {
  const past = now - then;
  const [unit, ms] = UNITS.find(([, size]) => Math.abs(past) >= size) ?? ["", 0];
  if (ms === 0) return "just now";
  const count = Math.floor(Math.abs(past) / ms);
  const span = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return past > 0 ? `${span} ago` : `in ${span}`;
}

/** A memory for a person, its time as the clocks here show it: what identifies it on one line, its text below. */
export function showMemory(memory: Memory): string {
  const { speaker, expiresAt, metadata } = memory;
  const facts = [
    memory.id,
    memory.visibility === "public" ? "public" : memory.namespace,
    `${new Date(wallClock(memory.at)).toISOString().slice(0, 16).replace("T", " ")} (${ago(memory.at)})`,
    ...(expiresAt === undefined ? [] : [`expires ${ago(expiresAt)}`]),
  ];
  const about = Object.keys(metadata).length === 0 ? "" : `\n  ${JSON.stringify(metadata)}`;
  return `${facts.join("  ")}\n  ${speaker === undefined ? "" : `${visible(speaker)}: `}${visible(memory.text)}${about}`;
}

/** A hit for a person. */
export function showHit(hit: Hit): string {
  const owner = hit.tier === "own" ? "" : `  ${hit.tier}${hit.owner === undefined ? "" : ` ${hit.owner}`}`;
  const similar = hit.similar ? `\n  says the same: ${hit.similar.join(" ")}` : "";
  return `${hit.score.toFixed(2)}  ${showMemory(hit)}${owner}${similar}`;
}

/** Memories come from anywhere: no control character of theirs reaches the terminal. */
function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    character === "\n" ? "\n  " : character === "\t" ? "\t" : "\u{fffd}",
  );
}
