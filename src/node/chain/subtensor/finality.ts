import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import type { BlockRef } from "../../ports.ts";
import { type EndpointCall, type EndpointPool, notOurs } from "./endpoint-pool.ts";
import { unreachable } from "./json-rpc-socket.ts";

const blockHash = z.string().regex(/^0x[0-9a-f]{64}$/);
const header = z.object({ number: z.string().regex(/^0x[0-9a-f]{1,12}$/) });
const health = z.object({ isSyncing: z.boolean() });

/** What one endpoint calls its finalized block, and what it says stands at others' numbers. */
interface Claim extends BlockRef {
  readonly url: string;
}

/**
 * The finalized block as of the endpoints that answer: the newest block that more than half of them have, and none that
 * a single endpoint claims while others are there to contradict it. Endpoints that are themselves behind by their own
 * word are not counted; those that deny what the rest have are set aside. Two that contradict each other decide
 * nothing. With one endpoint its word is all there is.
 */
export async function agreedFinality(
  pool: EndpointPool,
  knownNumber: (hash: string) => number | undefined,
): Promise<BlockRef> {
  if (pool.size === 1) {
    const hash = blockHash.safeParse(await pool.request("chain_getFinalizedHead"));
    if (!hash.success) throw notOurs();
    const number = knownNumber(hash.data) ?? numberIn(await pool.request("chain_getHeader", [hash.data]));
    return { number, hash: hash.data };
  }
  const answers = await pool.everyone((endpoint) => claimOf(endpoint, knownNumber));
  const claims = answers.flatMap(({ answer }) => answer ?? []);
  if (claims.length === 0) throw unreachable();
  return await agreed(pool, claims);
}

async function claimOf(
  endpoint: EndpointCall,
  knownNumber: (hash: string) => number | undefined,
): Promise<Claim | null> {
  const [finalized, state] = await Promise.all([
    endpoint.request("chain_getFinalizedHead"),
    // Not every node answers this; who does and says so knows that it is behind.
    endpoint.request("system_health").catch(() => undefined),
  ]);
  const hash = blockHash.parse(finalized);
  const number = knownNumber(hash) ?? numberIn(await endpoint.request("chain_getHeader", [hash]));
  return health.safeParse(state).data?.isSyncing ? null : { url: endpoint.url, number, hash };
}

async function agreed(pool: EndpointPool, claims: readonly Claim[]): Promise<BlockRef> {
  const quorum = Math.floor(claims.length / 2) + 1;
  const numbers = claims.map(({ number }) => number).sort((one, other) => other - one);
  for (const number of new Set(numbers.slice(quorum - 1))) {
    const votes = await votesAt(pool, claims, number);
    const winner = [...votes].find(([, urls]) => urls.length >= quorum);
    if (!winner) continue;
    for (const [hash, urls] of votes) if (hash !== winner[0]) for (const url of urls) pool.setAside(url);
    return { number, hash: winner[0] };
  }
  throw endpointsDisagree();
}

/**
 * The hash at the number of a block that is final: the word of more than half of the endpoints that know one, since a
 * single one may lie about blocks that everybody else keeps. Null where nobody knows one.
 */
export async function agreedHash(pool: EndpointPool, number: number): Promise<string | null> {
  const answers = await pool.everyone(async ({ request }) =>
    blockHash.nullable().parse(await request("chain_getBlockHash", [number])),
  );
  if (answers.length === 0) throw unreachable();
  const known = answers.flatMap(({ answer }) => answer ?? []);
  const [most] = [...Map.groupBy(known, (hash) => hash).values()].sort((one, other) => other.length - one.length);
  if (most && most.length <= known.length / 2) throw endpointsDisagree();
  return most?.[0] ?? null;
}

export function endpointsDisagree(): EngramError {
  return new EngramError("CHAIN_ENDPOINTS_DISAGREE", "the chain's endpoints name different finalized blocks", {
    fix: "one of the addresses in ENGRAM_CHAIN is on a fork or lies: remove it, or name a third endpoint",
  });
}

/** Who has which block at that number, of those whose finalized block is that one or a later one. */
async function votesAt(
  pool: EndpointPool,
  claims: readonly Claim[],
  number: number,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const able = new Map(claims.filter((claim) => claim.number >= number).map((claim) => [claim.url, claim]));
  const answers = await pool.everyone(async ({ url, request }) => {
    const claim = able.get(url);
    if (!claim) return null;
    return claim.number === number ? claim.hash : blockHash.parse(await request("chain_getBlockHash", [number]));
  });
  const votes = new Map<string, string[]>();
  for (const { url, answer } of answers) if (answer !== null) votes.set(answer, [...(votes.get(answer) ?? []), url]);
  return votes;
}

function numberIn(found: unknown): number {
  const parsed = header.safeParse(found);
  if (!parsed.success) throw notOurs();
  return Number(parsed.data.number);
}
