import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

/** One client's connection. */
export interface WebSocketPeer {
  send(text: string): void;
  /** Cuts the connection without a word. */
  cut(): void;
}

export interface WebSocketServer extends AsyncDisposable {
  readonly url: string;
  readonly peers: ReadonlySet<WebSocketPeer>;
}

const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT = 1;
const CLOSE = 8;
const PING = 9;

/** A WebSocket server on loopback for tests; `port` 0 takes a free one. */
export async function startWebSocketServer(
  hear: (peer: WebSocketPeer, text: string) => void,
  port = 0,
): Promise<WebSocketServer> {
  const peers = new Set<WebSocketPeer>();
  const server = createServer((_, response) => response.writeHead(426).end());
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    const key = request.headers["sec-websocket-key"] ?? "";
    const accept = createHash("sha1").update(`${key}${ACCEPT_SUFFIX}`).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const peer: WebSocketPeer = {
      send: (text) => void (socket.writable && socket.write(frame(TEXT, Buffer.from(text)))),
      cut: () => void socket.destroy(),
    };
    peers.add(peer);
    socket.on("close", () => peers.delete(peer));
    socket.on("error", () => peers.delete(peer));
    const read = frameReader((opcode, payload) => {
      if (opcode === TEXT) hear(peer, payload.toString("utf8"));
      else if (opcode === PING) socket.write(frame(10, payload));
      else if (opcode === CLOSE) socket.end(frame(CLOSE, payload));
    });
    socket.on("data", read);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    peers,
    [Symbol.asyncDispose]: async () => {
      for (const peer of peers) peer.cut();
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function frame(opcode: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (payload.length < 126) head[1] = payload.length;
  else if (payload.length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** Takes what arrives in any pieces and gives whole messages. */
function frameReader(hear: (opcode: number, payload: Buffer) => void): (chunk: Buffer) => void {
  let pending = Buffer.alloc(0);
  let parts: { opcode: number; pieces: Buffer[] } | undefined;
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (let found = cutFrame(pending); found; found = cutFrame(pending)) {
      pending = pending.subarray(found.length);
      const opcode = found.opcode === 0 ? (parts?.opcode ?? TEXT) : found.opcode;
      const pieces = [...(found.opcode === 0 ? (parts?.pieces ?? []) : []), found.payload];
      parts = found.isLast ? undefined : { opcode, pieces };
      if (found.isLast) hear(opcode, Buffer.concat(pieces));
    }
  };
}

function cutFrame(bytes: Buffer) {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const sizeBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  const start = 2 + sizeBytes + 4;
  if (bytes.length < start) return undefined;
  const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < start + size) return undefined;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + size).map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
  return { opcode: first & 0x0f, isLast: (first & 0x80) > 0, payload, length: start + size };
}
