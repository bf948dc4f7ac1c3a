import type { Hit, Memory } from "../client/memory.ts";
import { wallClock } from "../runtime/wall-clock.ts";

const DAY_MS = 86_400_000;

/** Long units count from two on: a month and a half is told as 45 days. */
const UNITS: readonly { readonly unit: string; readonly ms: number; readonly from: number }[] = [
  { unit: "year", ms: 365 * DAY_MS, from: 2 * 365 * DAY_MS },
  { unit: "month", ms: 30 * DAY_MS, from: 2 * 30 * DAY_MS },
  { unit: "day", ms: DAY_MS, from: DAY_MS },
  { unit: "hour", ms: 3_600_000, from: 3_600_000 },
  { unit: "minute", ms: 60_000, from: 60_000 },
];

/** How long ago `then` was, in one unit, to the nearest of it. */
export function ago(then: number, now: number = Date.now()): string {
  const past = now - then;
  const found = UNITS.find(({ from }) => Math.abs(past) >= from);
  if (!found) return "just now";
  const { unit, ms } = found;
  const count = Math.round(Math.abs(past) / ms);
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
