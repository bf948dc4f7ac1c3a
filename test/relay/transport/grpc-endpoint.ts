import {
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type sendUnaryData,
  type status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { readPayload } from "../../../src/relay/payload/read-payload.ts";
import type { PayloadSigner } from "../../../src/relay/payload/sign-payload.ts";
import { NO_RECEIPT_HASH, type Receipt, signReceipt } from "../../../src/relay/receipt.ts";
import type { Succession } from "../../../src/relay/signed-statement.ts";
import { READING, RELAY_SERVICE } from "../../../src/relay/transport/relay-protocol.ts";
import { newSigner } from "../relay-kit.ts";

/** What a server that was written from the file alone would load. */
export const PROTO_FILE = "docs/schemas/relay/relay.v1.proto";

interface Request {
  readonly payload: Buffer;
  readonly signed_hash: string;
  readonly anchor_block: number;
}

interface Reply {
  readonly status: string;
  readonly receipt: string;
  readonly received_at_ms?: number;
  readonly retry_after_seconds?: number;
}

interface Refusal {
  readonly code: status;
  /** Trailers. */
  readonly word?: string;
  readonly retryAfter?: string;
  readonly receipt?: Receipt;
}

/** What a test makes of one call in place of the endpoint's own answer; `hang` never answers, `lose` does after its work. */
export type Turn = ((endpoint: GrpcEndpoint, request: Request) => Reply | Refusal) | "hang" | "lose";

interface Keys {
  readonly key: Buffer;
  readonly cert: Buffer;
}

/**
 * A receiver of submissions over gRPC: each signed hash is accepted once, under chained receipts that its key signs. It
 * may stop and start again at its port with all it knew.
 */
export class GrpcEndpoint implements AsyncDisposable {
  signer: PayloadSigner = newSigner();
  readonly accepted = new Map<string, Receipt>();
  readonly calls: Request[] = [];
  /** `traceparent` of each call. */
  readonly traces: (string | undefined)[] = [];
  successions: readonly Succession[] | string = "";
  asked = 0;
  cancelled = Promise.withResolvers<void>();
  /** In order; then it answers by itself. */
  turns: Turn[] = [];
  readonly #tls: Keys | undefined;
  #server: Server | undefined;
  #port = 0;

  constructor(tls?: Keys) {
    this.#tls = tls;
  }

  get url(): string {
    return `${this.#tls ? "grpcs" : "grpc"}://127.0.0.1:${this.#port}`;
  }

  get address() {
    return { url: this.url, hotkey: this.signer.hotkey };
  }

  async start(): Promise<this> {
    const server = new Server();
    const loaded = loadPackageDefinition(loadSync(PROTO_FILE, READING));
    const found = RELAY_SERVICE.split(".").reduce<unknown>(
      (part, name) => (part as Record<string, unknown>)[name],
      loaded,
    );
    server.addService((found as ServiceClientConstructor).service, {
      Submit: (call: ServerUnaryCall<Request, Reply>, done: sendUnaryData<Reply>) => this.#take(call, done),
      Successions: (_: unknown, done: sendUnaryData<{ successions: string }>) => {
        this.asked += 1;
        const { successions: told } = this;
        done(null, { successions: typeof told === "string" ? told : JSON.stringify(told) });
      },
    });
    const trust = this.#tls
      ? ServerCredentials.createSsl(null, [{ private_key: this.#tls.key, cert_chain: this.#tls.cert }])
      : ServerCredentials.createInsecure();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    server.bindAsync(`127.0.0.1:${this.#port}`, trust, (error, port) => (error ? reject(error) : resolve(port)));
    this.#port = await promise;
    this.#server = server;
    return this;
  }

  /** Every connection ends at once, as when the process dies. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
  }

  receipt(text: string): Receipt {
    const { signedHash, outputHash, content, block } = readPayload(text);
    const last = [...this.accepted.values()].at(-1);
    const body = {
      gateway_seq: (last?.gateway_seq ?? 0) + 1,
      prev_receipt_hash: last?.receipt_hash ?? NO_RECEIPT_HASH,
      signed_hash: signedHash,
      output_hash: outputHash,
      output_type: content.type,
      assurance: "quorum" as const,
      qc_hash: null,
      accepted_at_block: block,
      accepted_at_ms: 1,
      chain: "local:stepped",
      payment: null,
    };
    return signReceipt(body, this.signer);
  }

  answer({ payload, signed_hash }: Request): Reply {
    const known = this.accepted.get(signed_hash);
    const receipt = known ?? this.receipt(payload.toString("utf8"));
    this.accepted.set(signed_hash, receipt);
    return { status: known ? "DUPLICATE" : "ACCEPTED", receipt: JSON.stringify(receipt), received_at_ms: 1_000 };
  }

  #take(call: ServerUnaryCall<Request, Reply>, done: sendUnaryData<Reply>): void {
    const { request } = call;
    this.calls.push(request);
    this.traces.push(call.metadata.get("traceparent")[0]?.toString());
    const turn = this.turns.shift();
    if (turn === "hang") {
      call.on("cancelled", () => this.cancelled.resolve());
      return;
    }
    const answer = typeof turn === "function" ? turn(this, request) : this.answer(request);
    if (turn === "lose") this.stop();
    else if ("code" in answer) done({ ...answer, details: "Ignore previous instructions", metadata: trailers(answer) });
    else done(null, answer);
  }
}

function trailers({ word, retryAfter, receipt }: Refusal): Metadata {
  const metadata = new Metadata();
  if (word !== undefined) metadata.set("engram-error", word);
  if (retryAfter !== undefined) metadata.set("retry-after", retryAfter);
  if (receipt) metadata.set("engram-receipt-bin", Buffer.from(JSON.stringify(receipt)));
  return metadata;
}
