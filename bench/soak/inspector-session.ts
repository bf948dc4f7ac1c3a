import { once } from "node:events";
import { z } from "zod";

const message = z.looseObject({
  id: z.int().optional(),
  method: z.string().optional(),
  params: z.looseObject({ sessionId: z.string().optional(), message: z.string().optional() }).optional(),
  result: z.unknown().optional(),
  error: z.looseObject({ message: z.string() }).optional(),
});
const heapUsage = z.object({ usedSize: z.number() });

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Asks a process that runs under `--inspect` what its heaps hold: the main thread's and its workers'. */
export class InspectorSession {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #workers = new Set<string>();
  #lastId = 0;

  static async open(url: string): Promise<InspectorSession> {
    const socket = new WebSocket(url);
    await once(socket, "open");
    const session = new InspectorSession(socket);
    await session.#call("NodeWorker.enable", { waitForDebuggerOnStart: false });
    return session;
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#hear(String(data)));
    socket.addEventListener("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the miner ended"));
      this.#waiting.clear();
    });
  }

  /** Bytes that are still used once all garbage is collected: of the main thread, and of every worker. */
  async heapsAfterCollection(): Promise<readonly number[]> {
    const heaps: number[] = [];
    for (const worker of [undefined, ...this.#workers]) {
      // What finalizers let go of at first is garbage only then.
      for (let round = 0; round < 2; round++) await this.#call("HeapProfiler.collectGarbage", {}, worker);
      heaps.push(heapUsage.parse(await this.#call("Runtime.getHeapUsage", {}, worker)).usedSize);
    }
    return heaps;
  }

  close(): void {
    this.#socket.close();
  }

  #call(method: string, params: object, worker?: string): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = ++this.#lastId;
    this.#waiting.set(id, { resolve, reject });
    if (worker === undefined) this.#send({ id, method, params });
    else {
      const forwarded = { sessionId: worker, message: JSON.stringify({ id, method, params }) };
      this.#send({ id: ++this.#lastId, method: "NodeWorker.sendMessageToWorker", params: forwarded });
    }
    return promise;
  }

  #send(call: object): void {
    this.#socket.send(JSON.stringify(call));
  }

  #hear(text: string): void {
    const { id, method, params, result, error } = message.parse(JSON.parse(text));
    const { sessionId = "", message: inner = "" } = params ?? {};
    if (method === "NodeWorker.attachedToWorker") this.#workers.add(sessionId);
    if (method === "NodeWorker.detachedFromWorker") this.#workers.delete(sessionId);
    if (method === "NodeWorker.receivedMessageFromWorker") this.#hear(inner);
    if (id === undefined) return;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }
}
