import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { BlockRef } from "../../ports.ts";
import type { Auth2Gate } from "../../protocol/auth2-gate.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Logger } from "../../runtime/logger.ts";
import { isLoopback } from "../loopback.ts";
import { signedCall, stakeCall } from "./chain-call.ts";
import { failureText, HEAD_WAIT_MS, readJson } from "./chain-wire.ts";
import type { LocalChain } from "./local-chain.ts";
import { reorgRequest } from "./reorganise.ts";

/** A full row of weights takes about 100 KB. */
const MAX_BODY_BYTES = 256 * 1024;
/** More questions for the next head than this are answered at once. */
const MAX_WAITING = 512;

export interface ChainAppDeps {
  readonly chain: LocalChain;
  /** The server's own hotkey: writes are addressed to it, and it signs the answers to them. */
  readonly hotkey: Hotkey;
  readonly gate: Auth2Gate;
  readonly logger: Logger;
  /** Aborted when the server stops: whoever waits for a block is answered. */
  readonly stopping: AbortSignal;
}

// Which numbers are blocks is for the chain to say.
const height = z.coerce.number();
const at = z.object({ at: height.optional() });
const seen = z.object({ seen: z.string().max(100).optional() });
const stepRequest = z.strictObject({ count: z.number() });

/**
 * The local chain over HTTP, for processes of one machine. Anybody may read; a write needs the hotkey's own auth2
 * signature. `/control` has no check but that of the address, so it is never served beyond loopback.
 */
export function createChainApp(deps: ChainAppDeps): Hono {
  const { chain, logger } = deps;
  const app = new Hono();
  app.use(async (context, next) => {
    refuseBrowsers(context);
    await next();
  });
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: () => refused(413, invalid("the body is too large")) }));
  addReads(app, deps);
  app.post("/calls", (context) => takeCall(deps, context));
  app.post("/control/step", async (context) =>
    context.json({
      chain: await chain.identity(),
      block: await chain.step(read(stepRequest, await bodyOf(context)).count),
    }),
  );
  app.post("/control/reorg", async (context) =>
    context.json({ chain: await chain.identity(), ...(await chain.reorg(read(reorgRequest, await bodyOf(context)))) }),
  );
  app.post("/control/stake", async (context) =>
    context.json({ chain: await chain.identity(), ...(await chain.include(read(stakeCall, await bodyOf(context)))) }),
  );
  app.notFound(() => refused(404, new EngramError("CHAIN_ROUTE", "the chain has no such route")));
  app.onError((error) => {
    if (error instanceof Refusal) return refused(error.status, new EngramError("CHAIN_UNSIGNED", error.message));
    if (isEngramError(error)) return refused(error.code.startsWith("STORE_") ? 503 : 409, error);
    logger.error({ error: error.name }, "the chain failed to answer");
    return refused(500, new EngramError("CHAIN_FAILED", "the chain failed to answer"));
  });
  return app;
}

function addReads(app: Hono, deps: ChainAppDeps): void {
  const { chain, hotkey } = deps;
  const identity = () => chain.identity();
  const headAfter = headWaiter(deps);
  app.get("/chain", async (context) => context.json({ chain: await identity(), hotkey }));
  app.get("/head", async (context) => {
    const { seen: known } = read(seen, context.req.query());
    return context.json({ chain: await identity(), block: await headAfter(known, context.req.raw.signal) });
  });
  app.get("/finalized", async (context) => context.json({ chain: await identity(), block: await chain.finalized() }));
  app.get("/blocks/:number", async (context) => {
    const number = read(height, context.req.param("number"));
    return context.json({ chain: await identity(), hash: await chain.blockHash(number) });
  });
  app.get("/metagraph", async (context) =>
    context.json({ chain: await identity(), metagraph: await chain.metagraph(read(at, context.req.query()).at) }),
  );
  app.get("/uids/:hotkey", async (context) =>
    context.json({ chain: await identity(), uid: await chain.uidOf(context.req.param("hotkey") as Hotkey) }),
  );
  app.get("/weights", async (context) => {
    const rows = await chain.weights(read(at, context.req.query()).at);
    return context.json({ chain: await identity(), weights: [...rows].map(([uid, row]) => [uid, [...row]]) });
  });
  app.get("/weights/terms/:hotkey", async (context) => {
    const terms = await chain.weightsTerms(context.req.param("hotkey") as Hotkey);
    return context.json({ chain: await identity(), terms });
  });
  app.get("/commitments/:hotkey", async (context) => {
    const owner = context.req.param("hotkey") as Hotkey;
    const bytes = await chain.commitment(owner, read(at, context.req.query()).at);
    return context.json({ chain: await identity(), bytes: bytes && Buffer.from(bytes).toString("hex") });
  });
}

/** Answers with the head, once it is another than `known` (`number:hash`) or the wait is over. */
function headWaiter({ chain, stopping }: ChainAppDeps) {
  let waiting = 0;
  return async (known: string | undefined, left: AbortSignal): Promise<BlockRef> => {
    const [number = "", hash = ""] = known?.split(":") ?? [];
    if (number === "" || waiting >= MAX_WAITING) return await chain.head();
    waiting += 1;
    const enough = AbortSignal.any([stopping, left, AbortSignal.timeout(HEAD_WAIT_MS)]);
    try {
      return await chain.nextHead({ number: Number(number), hash }, enough);
    } catch (error) {
      if (enough.aborted) return await chain.head();
      throw error;
    } finally {
      waiting -= 1;
    }
  };
}

async function takeCall({ chain, gate }: ChainAppDeps, context: Context): Promise<Response> {
  const body = new Uint8Array(await context.req.raw.arrayBuffer());
  const session = gate.authenticate(context.req.raw, body);
  const call = read(signedCall, readJson(Buffer.from(body).toString("utf8")));
  if (call.hotkey !== session.sender)
    throw new Refusal(403, "a hotkey writes for itself alone: sign with the one named");
  const text = JSON.stringify({ chain: await chain.identity(), ...(await chain.include(call)) });
  return new Response(text, {
    headers: { "content-type": "application/json", ...session.replyHeaders(200, text) },
  });
}

/** A page in a browser of this machine must not move the chain, under whatever name it found it (DNS rebinding). */
function refuseBrowsers(context: Context): void {
  const { hostname } = new URL(context.req.url);
  if (isLoopback(hostname) && context.req.header("origin") === undefined) return;
  throw new Refusal(403, "the local chain answers programs of this machine alone");
}

async function bodyOf(context: Context): Promise<unknown> {
  return readJson(await context.req.text());
}

function read<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => [path.join("."), message].filter(Boolean).join(": "));
  throw invalid(problems.join("; ").slice(0, 300));
}

function invalid(what: string): EngramError {
  return new EngramError("CHAIN_REQUEST_INVALID", what, { fix: "correct the request and send it again" });
}

function refused(status: number, error: EngramError): Response {
  return new Response(failureText(error), { status, headers: { "content-type": "application/json" } });
}
