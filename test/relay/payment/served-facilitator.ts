import { Hono } from "hono";
import { startHttpServer } from "../../../src/node/runtime/http-server.ts";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import type { PaymentFacilitator } from "../../../src/relay/gateway/payment-facilitator.ts";

/** What a served facilitator does instead of answering, once. */
export type Mishap = (settled: unknown) => Response | Promise<Response>;

/** A facilitator over HTTP as x402 has it, on loopback, that wants `auth`; one that can behave badly. */
export class ServedFacilitator implements AsyncDisposable {
  readonly url: string;
  readonly auth = "Bearer of-the-test";
  settles = 0;
  /** In place of the next answer to `/settle`, after the money moved. */
  mishap: Mishap | undefined;
  kinds: readonly unknown[] | undefined;
  readonly #stack: ReleaseStack;

  private constructor(url: string, stack: ReleaseStack) {
    this.url = url;
    this.#stack = stack;
  }

  static async open(behind: PaymentFacilitator): Promise<ServedFacilitator> {
    await using stack = new ReleaseStack();
    let served: ServedFacilitator | undefined;
    const app = new Hono();
    app.use(async ({ req, body }, next) =>
      req.header("authorization") === served?.auth ? await next() : body("who are you?", 401),
    );
    app.get("/supported", async ({ json }) => json({ kinds: served?.kinds ?? (await behind.getSupported()).kinds }));
    app.post("/settle", async ({ req, json }) => {
      const { paymentPayload, paymentRequirements } = await req.json<{
        readonly paymentPayload: object;
        readonly paymentRequirements: object;
      }>();
      const settled = await behind.settle(paymentPayload, paymentRequirements);
      const { mishap } = served ?? {};
      if (served) [served.settles, served.mishap] = [served.settles + 1, undefined];
      return mishap?.(settled) ?? json(settled);
    });
    const server = stack.use(
      await startHttpServer({ hostname: "127.0.0.1", port: 0, graceMs: 0, handler: (request) => app.fetch(request) }),
    );
    served = new ServedFacilitator(server.url, stack.move());
    return served;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }
}
