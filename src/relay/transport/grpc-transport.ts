import type { Client, Metadata, MethodDefinition, ServiceError } from "@grpc/grpc-js";
import { EngramError } from "../../crypto/errors.ts";
import { missingPackage } from "../../node/runtime/missing-package.ts";
import { inSpan, traceHeaders } from "../../node/runtime/tracing.ts";
import { answered, refused } from "./grpc-answers.ts";
import { READING, RELAY_PROTOCOL, RELAY_SERVICE } from "./relay-protocol.ts";
import type { SentSubmission, SubmissionReply, SubmissionTransport } from "./submission-transport.ts";

export interface GrpcTransportOptions {
  /** `grpc://host:port`, or `grpcs://` for TLS by the certificates that the machine trusts. */
  readonly url: string;
  readonly deadlineMs: number;
}

type Method = MethodDefinition<object, unknown>;

interface Connection {
  readonly client: Client;
  readonly methods: Readonly<Record<string, Method | undefined>>;
  readonly newMetadata: () => Metadata;
}

/** As the receiving side takes them. */
const MAX_SENT_BYTES = 2 * 1_048_576;
/** Of successions, the largest reply there is; a receipt has a hundredth. */
const MAX_REPLY_BYTES = 1_048_576;
const MAX_RECEIPT_BYTES = 65_536;

/** What is sent once is sent once: the outbox alone decides what is tried again, and when. */
const CHANNEL = {
  "grpc.max_send_message_length": MAX_SENT_BYTES + 4_096,
  "grpc.max_receive_message_length": MAX_REPLY_BYTES,
  "grpc.enable_retries": 0,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.client_idle_timeout_ms": 60_000,
} as const;

/** Over gRPC, as docs/schemas/relay/relay.v1.proto has it. Nothing is paid there. */
export class GrpcTransport implements SubmissionTransport {
  readonly carriesPayments = false;
  readonly #options: GrpcTransportOptions;
  #connection: Promise<Connection> | undefined;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  /** Errors: `GRPC_TIMEOUT`, `GRPC_UNREACHABLE`, `GRPC_TOO_LARGE`; the signal's reason. */
  async send({ signedHash, text, anchorBlock = 0 }: SentSubmission, signal: AbortSignal): Promise<SubmissionReply> {
    const message = { payload: Buffer.from(text, "utf8"), signed_hash: signedHash, anchor_block: anchorBlock };
    const started = performance.now();
    try {
      const value = (await this.#call("Submit", message, signal)) as { readonly receipt?: string };
      if ((value.receipt?.length ?? 0) > MAX_RECEIPT_BYTES) {
        throw new EngramError("GRPC_TOO_LARGE", `the receipt has more than ${MAX_RECEIPT_BYTES} bytes`);
      }
      return answered(value, performance.now() - started);
    } catch (error) {
      if (isServiceError(error)) return refused(error, performance.now() - started);
      throw error;
    }
  }

  /** Errors: `GRPC_TIMEOUT`, `GRPC_UNREACHABLE`; the signal's reason. */
  async successions(signal: AbortSignal): Promise<unknown> {
    try {
      const { successions } = (await this.#call("Successions", {}, signal)) as { readonly successions: string };
      return JSON.parse(successions) as unknown;
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      if (!isServiceError(error)) throw error;
      refused(error, 0);
      return undefined;
    }
  }

  #call(name: "Submit" | "Successions", message: object, signal: AbortSignal): Promise<unknown> {
    const attributes = { "rpc.system": "grpc", "rpc.method": name };
    return inSpan({ name: `grpc ${name}`, kind: "client", attributes }, () => this.#unary(name, message, signal));
  }

  async #unary(name: string, message: object, signal: AbortSignal): Promise<unknown> {
    const connection = await this.#connected();
    const method = connection.methods[name];
    if (!method) throw new TypeError(`the service has no ${name}`);
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const { path, requestSerialize, responseDeserialize } = method;
    const options = { deadline: Date.now() + this.#options.deadlineMs };
    const metadata = connection.newMetadata();
    for (const [key, value] of Object.entries(traceHeaders())) metadata.set(key, value);
    const call = connection.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      metadata,
      options,
      (error, value) => (error === null ? resolve(value) : reject(error)),
    );
    const cancel = () => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      return await promise;
    } catch (error) {
      // A connection that failed waits before it dials again; the next attempt is to begin at once.
      this.#drop();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  #connected(): Promise<Connection> {
    this.#connection ??= connect(this.#options.url);
    // One that could not be made is not kept.
    this.#connection.catch(() => this.#drop());
    return this.#connection;
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.then(({ client }) => client.close()).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#drop();
  }
}

/** The libraries are loaded by whoever submits this way. */
async function connect(url: string): Promise<Connection> {
  const [{ Client, credentials, Metadata }, { fromJSON }] = await Promise.all([
    import("@grpc/grpc-js"),
    import("@grpc/proto-loader"),
  ]).catch((error: unknown) => {
    throw missingPackage(error) ?? error;
  });
  const { protocol: scheme, host } = new URL(url);
  const trust = scheme === "grpcs:" ? credentials.createSsl() : credentials.createInsecure();
  // The library's type asks each namespace for the fields of a message, too.
  const protocol = RELAY_PROTOCOL as unknown as Parameters<typeof fromJSON>[0];
  const methods = fromJSON(protocol, READING)[RELAY_SERVICE] as unknown as Connection["methods"];
  return { client: new Client(`dns:${host}`, trust, CHANNEL), methods, newMetadata: () => new Metadata() };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}
