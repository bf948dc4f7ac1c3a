import { createHash, createHmac, randomBytes } from "node:crypto";
import { EngramError } from "../../crypto/errors.ts";
import type { GatewayStore } from "./gateway-store.ts";
import { GatewayRefusal } from "./refusal.ts";

/**
 * What a reader may see. `feed`: items, and what proves each. `receipts`: the whole chain of receipts, its checkpoint,
 * conflicts. `payers`: the addresses of those who paid.
 */
export const SCOPES = ["feed", "receipts", "payers"] as const;
export type Scope = (typeof SCOPES)[number];

/** A reader as the store keeps it; the one without a name is everybody without a token. */
export interface ReaderRow {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Makes its pseudonyms: two readers cannot compare what they see. */
  readonly secret: string;
}

/** Who asks. */
export interface Reader {
  /** Null for who has no token. */
  readonly name: string | null;
  has(scope: Scope): boolean;
  /** Stands for a payer's address: the same one for this reader, another for every other. */
  pseudonym(address: string): string;
}

/** Throws `GatewayRefusal` `forbidden`. */
export function requireScope(reader: Reader, ...scopes: readonly Scope[]): void {
  if (scopes.some((scope) => reader.has(scope))) return;
  throw new GatewayRefusal("forbidden", `this needs a token with the scope ${scopes.join(" or ")}`);
}

/** SHA-256, hex: what the store keeps of a token. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("hex");
}

/** A token nobody guesses. */
export function newToken(): string {
  return `egr_${randomBytes(32).toString("base64url")}`;
}

/** Tells readers apart by their bearer tokens. `publicScopes` are for those without one. */
export class Readers {
  readonly #store: GatewayStore;
  readonly #publicScopes: readonly Scope[];
  #anonymous: Promise<Reader> | undefined;

  constructor(store: GatewayStore, publicScopes: readonly Scope[]) {
    this.#store = store;
    this.#publicScopes = publicScopes;
  }

  /** Throws `GatewayRefusal` `unauthorized` for a token that is none. */
  async of(authorization: string | null | undefined): Promise<Reader> {
    if (authorization === null || authorization === undefined) {
      this.#anonymous ??= this.#anybody();
      return await this.#anonymous;
    }
    const [, token] = /^Bearer ([\w-]{1,200})$/.exec(authorization) ?? [];
    const found = token === undefined ? null : await this.#store.call("readerOf", { hash: tokenHash(token) });
    if (found) return this.named(found);
    throw new GatewayRefusal("unauthorized", "this token is not known here");
  }

  /** What a reader with a token may see, who is not asking just now. */
  named(row: ReaderRow): Reader {
    return readerOf({ ...row, scopes: [...this.#publicScopes, ...row.scopes] });
  }

  async #anybody(): Promise<Reader> {
    try {
      return readerOf({ ...(await this.#store.call("anonymousReader", null)), scopes: this.#publicScopes });
    } catch (error) {
      this.#anonymous = undefined;
      throw error;
    }
  }
}

function readerOf({ name, scopes, secret }: ReaderRow): Reader {
  return {
    name: name === "" ? null : name,
    has: (scope) => scopes.includes(scope),
    pseudonym: (address) =>
      `payer-${createHmac("sha256", Buffer.from(secret, "hex")).update(address.toLowerCase()).digest("hex").slice(0, 24)}`,
  };
}

/** The scopes in a comma-separated list. Throws `INPUT_INVALID`. */
export function readScopes(text: string): readonly Scope[] {
  const found = text.split(",").map((part) => part.trim());
  const known = SCOPES.filter((scope) => found.includes(scope));
  if (known.length === found.length) return known;
  throw new EngramError("INPUT_INVALID", "these are not all scopes", { fix: `list some of ${SCOPES.join(", ")}` });
}
