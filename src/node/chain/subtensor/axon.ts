import { isIP } from "node:net";
import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";

/** An axon as the chain keeps it: an IP address as a number, and a port. */
export interface Axon {
  readonly ip: bigint;
  readonly port: number;
  readonly ipType: 4 | 6;
}

/** Whole numbers of any size: large ones are hex text in JSON's form. */
export const wholeNumber = z.union([z.number().int(), z.string().regex(/^0x[0-9a-f]+$/)]).transform((n) => BigInt(n));

export const axonSchema = z.object({ ip: wholeNumber, port: z.number().int(), ipType: z.number().int() });

/** `http://host:port`; null where none is served. */
export function endpointOfAxon({ ip, port, ipType }: z.output<typeof axonSchema>): string | null {
  if (ip === 0n || port === 0) return null;
  const host = ipType === 4 ? ipv4Text(ip) : ipType === 6 ? `[${ipv6Text(ip)}]` : undefined;
  const url = `http://${host}:${port}`;
  return host !== undefined && URL.canParse(url) ? `http://${new URL(url).hostname}:${port}` : null;
}

/** Throws `CHAIN_ENDPOINT` for what the chain cannot say: names, TLS, paths. */
export function axonOfEndpoint(endpoint: string): Axon {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isBare = url && url.href === `${url.origin}/` && url.protocol === "http:";
  const host = isBare ? url.hostname.replace(/^\[(.*)\]$/, "$1") : "";
  const port = Number(url?.port || 80);
  const family = isIP(host);
  if (family === 4) return { ip: ipv4Number(host), port, ipType: 4 };
  if (family === 6) return { ip: ipv6Number(host), port, ipType: 6 };
  throw new EngramError(
    "CHAIN_ENDPOINT",
    "the chain publishes an axon as http:// with an IP address and a port alone",
    {
      fix: "give the public IP address under which other machines reach this node, as in http://203.0.113.7:8091",
    },
  );
}

function ipv4Text(ip: bigint): string | undefined {
  if (ip > 0xff_ff_ff_ffn) return undefined;
  return [24n, 16n, 8n, 0n].map((shift) => (ip >> shift) & 0xffn).join(".");
}

function ipv6Text(ip: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => (ip >> BigInt(112 - 16 * i)) & 0xff_ffn);
  return groups.map((group) => group.toString(16)).join(":");
}

function ipv4Number(host: string): bigint {
  return host.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

/** `host` is as the URL parser writes it: groups in hex, at most one `::`. */
function ipv6Number(host: string): bigint {
  const [left = "", right] = host.split("::");
  const groupsOf = (text: string) => (text === "" ? [] : text.split(":"));
  const [before, after] = [groupsOf(left), groupsOf(right ?? "")];
  const missing = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const groups = right === undefined ? before : [...before, ...missing, ...after];
  return groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}
