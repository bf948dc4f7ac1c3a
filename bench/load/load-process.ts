// One load, in a process of its own: what it costs must not be taken from the server's figure.
import { connect, type Socket } from "node:net";
import { quantile } from "../report.ts";
import { type BodyKind, bodiesOf } from "./bodies.ts";

/** What the process is told, as JSON in its first argument. */
export interface LoadOrder {
  readonly url: string;
  readonly kind: BodyKind;
  readonly connections: number;
  readonly seconds: number;
  /** The first number used: no two loads of one server send the same record. */
  readonly first: number;
}

/** What it prints; times in ms. */
export interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

const order = JSON.parse(process.argv[2] ?? "") as LoadOrder;
const { hostname, port, pathname, host } = new URL(order.url);
const { partsOf, digits, count } = bodiesOf(order.kind);
const requests = Array.from({ length: count }, (_, index) => requestOf(...partsOf(index)));

interface Prepared {
  readonly bytes: Buffer;
  readonly numberAt: number;
}

function requestOf(before: string, after: string): Prepared {
  const length = Buffer.byteLength(before) + digits + Buffer.byteLength(after);
  const head = `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
  return {
    bytes: Buffer.from(`${head}${before}${"0".repeat(digits)}${after}`),
    numberAt: Buffer.byteLength(head + before),
  };
}

const latencies: number[] = [];
let next = order.first;
let ends = Number.POSITIVE_INFINITY;
let open = 0;

/** One request at a time; whoever keeps the connection longer than the server wants it is told, and opens another. */
function speak(): void {
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let sentAt = 0;
  let received = "";
  open += 1;
  const send = () => {
    const { bytes, numberAt } = requests[next % requests.length] as Prepared;
    bytes.write(String(next).padStart(digits, "1"), numberAt, "latin1");
    next += 1;
    sentAt = performance.now();
    // Copied: the bytes are used again before the kernel may have taken these.
    socket.write(Buffer.from(bytes));
  };
  socket.setEncoding("latin1");
  socket.on("connect", send);
  socket.on("data", (chunk: string) => {
    received += chunk;
    const closes = answered(received);
    if (closes === undefined) return;
    received = "";
    const now = performance.now();
    latencies.push(now - sentAt);
    if (now >= ends) socket.end();
    else if (!closes) return send();
    else socket.end(() => speak());
    open -= 1;
    if (open === 0 && now >= ends) report();
  });
  socket.on("error", (error) => fail(error.message));
}

/** Whether the connection ends with this answer; undefined while the answer is not whole. */
function answered(received: string): boolean | undefined {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = received.slice(0, headEnd).toLowerCase();
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length === undefined) return fail(`an answer without its length: ${head}`);
  if (received.length < headEnd + 4 + Number(length)) return undefined;
  // What the wire refuses it may answer with status 200 and an error.
  const body = received.slice(headEnd + 4);
  if (!head.startsWith("http/1.1 200") || /"error": ?"/.test(body)) return fail(`refused: ${head} ${body}`);
  return head.includes("\r\nconnection: close");
}

function report(): void {
  const seconds = (performance.now() - began) / 1_000;
  const load: Load = {
    perSecond: latencies.length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
  process.stdout.write(JSON.stringify(load));
}

function fail(sentence: string): never {
  process.stderr.write(`${order.url}: ${sentence}\n`);
  process.exit(1);
}

const began = performance.now();
ends = began + order.seconds * 1_000;
for (let connection = 0; connection < order.connections; connection += 1) speak();
