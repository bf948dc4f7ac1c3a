import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { toHex } from "../../src/crypto/hex.ts";
import { verifyHotkeySignature } from "../../src/crypto/request-auth.ts";
import { loadSr25519, type Sr25519 } from "../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { SignaturePool } from "../../src/node/runtime/signature-pool.ts";
import { bareVerifications } from "../bare-verifications.ts";
import { type Result, result } from "../report.ts";

const SECONDS = 3;
const MESSAGES = 64;
const AT_ONCE = 64;
const ALONE = 500;

/**
 * sr25519 verifications a second in the pool, beside the bare library on as many threads; and of one alone, on the
 * caller's thread and in the pool, the time it takes.
 */
export async function signatures(): Promise<readonly Result[]> {
  const sr25519 = await loadSr25519();
  const checks = signedChecks(sr25519);
  const size = Math.max(1, availableParallelism() - 1);
  const bare = await bareVerifications(sr25519, size);
  await using pool = new SignaturePool({ sr25519, size });
  await pool.warm();
  const verify = async (index: number) => {
    if (!(await pool.verify(at(checks, index)))) throw new Error("the pool found a good signature wrong");
  };
  const here = (index: number) => {
    const { hotkey, message, signature } = at(checks, index);
    if (!verifyHotkeySignature(sr25519, hotkey, message, signature)) throw new Error("a good signature is wrong");
  };
  const lag = monitorEventLoopDelay({ resolution: 1 });
  lag.enable();
  const pooled = await perSecond(verify);
  lag.disable();
  const threads = `${size} thread${size === 1 ? "" : "s"}`;
  return [
    result(`sr25519 verifications, pool of ${threads}`, "1/s", pooled, {
      name: `bare wasm-crypto, ${threads}`,
      value: bare,
    }),
    result("one verification, pool", "ms", await meanAlone(verify), {
      name: "the caller's thread",
      value: await meanAlone(async (index) => here(index)),
    }),
    result("event loop lag p99 while the pool is full", "ms", lag.percentile(99) / 1e6, {
      name: "as many checked on the caller's thread, in ms between turns",
      value: await meanAlone(async () => {
        for (const index of checks.keys()) here(index);
      }, 20),
    }),
  ];
}

function signedChecks(sr25519: Sr25519) {
  const pair = sr25519.pairFromSeed(randomBytes(32));
  return Array.from({ length: MESSAGES }, (_, index) => {
    const message = Buffer.from(`${1_790_000_000_000 + index}:QuerySynapse:${toHex(randomBytes(32))}`);
    return { hotkey: hotkeyOf(pair.publicKey), message, signature: toHex(sr25519.sign(pair, message)) };
  });
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error("the list is empty");
  return found;
}

async function perSecond(verify: (index: number) => Promise<void>): Promise<number> {
  let count = 0;
  const began = performance.now();
  const caller = async () => {
    for (; performance.now() - began < SECONDS * 1_000; count += 1) await verify(count);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  return count / ((performance.now() - began) / 1_000);
}

async function meanAlone(verify: (index: number) => Promise<void>, times = ALONE): Promise<number> {
  const began = performance.now();
  for (let index = 0; index < times; index += 1) await verify(index);
  return (performance.now() - began) / times;
}
