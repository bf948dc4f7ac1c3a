import { EngramError } from "../../crypto/errors.ts";
import { shownName } from "../../crypto/namespace-name.ts";
import { DEFAULT_NAMESPACE, LIMITS, PUBLIC_SHOWN_NAME } from "./limits.ts";
import type { JsonValue, Memory, Metadata, NewMemory, StoreInput } from "./memory.ts";
import { assertPublicMetadata } from "./replication/reserved-metadata.ts";
import type { ItemToStore } from "./store/store-memories.ts";

/** The shown name a store goes to. Errors: `NAMESPACE_NAME_INVALID`, `NAMESPACE_RESERVED`, `PUBLIC_NAMESPACE`. */
export function targetNamespace(input: { readonly namespace?: string; readonly public?: boolean }): string {
  const name = input.namespace === undefined ? undefined : shownName(input.namespace);
  if (input.public) {
    if (name === undefined || name === PUBLIC_SHOWN_NAME) return PUBLIC_SHOWN_NAME;
    throw new EngramError("PUBLIC_NAMESPACE", "public memories have no namespace of their own", {
      fix: "leave out `namespace`, or leave out `public` to store privately",
    });
  }
  return privateName(name ?? DEFAULT_NAMESPACE);
}

/** A private namespace's shown name. Errors: `NAMESPACE_NAME_INVALID`, `NAMESPACE_RESERVED`. */
export function privateName(text: string): string {
  const name = shownName(text);
  if (name !== PUBLIC_SHOWN_NAME) return name;
  throw new EngramError("NAMESPACE_RESERVED", "`public` is the public space, which everybody can read", {
    fix: "choose another name, or store with `public: true`",
  });
}

/** Checks what is to be stored; `session` is that of items that name none. Errors say which limit and what to do. */
export function checkItems(input: StoreInput, session: string): readonly ItemToStore[] {
  const { items } = input;
  if (items.length === 0) throw invalid("there is nothing to store", "give at least one text");
  if (items.length > LIMITS.itemsPerCall) {
    throw invalid(`${items.length} memories are too many for one call`, `store at most ${LIMITS.itemsPerCall} at once`);
  }
  if (input.replaces !== undefined && items.length > 1) {
    throw invalid("`replaces` names one memory, but several are to be stored", "store them one by one");
  }
  const characters = items.reduce((sum, item) => sum + item.text.length, 0);
  if (characters > LIMITS.textsPerCall) {
    throw invalid(`${characters} characters are too many for one call`, `store at most ${LIMITS.textsPerCall} at once`);
  }
  if (input.public) for (const { metadata } of items) assertPublicMetadata(metadata ?? {});
  return items.map((item) => checkItem(item, input.session ?? session));
}

/** When the memories end. Errors: `INPUT_INVALID`. */
export function expiry(input: Pick<StoreInput, "ttlSeconds" | "expiresAt">, now: number): number | undefined {
  const { ttlSeconds, expiresAt } = input;
  if (expiresAt !== undefined && ttlSeconds !== undefined) {
    throw invalid("both a lifetime and an end were given", "give `ttlSeconds` or `expiresAt`");
  }
  const lifetimeMs = expiresAt === undefined ? (ttlSeconds ?? 1) * 1_000 : expiresAt - now;
  if (!(lifetimeMs > 0 && lifetimeMs <= LIMITS.ttlSeconds * 1_000)) {
    throw invalid("this is not a usable lifetime", "give one between a moment and 100 years");
  }
  if (expiresAt !== undefined) return Math.ceil(expiresAt);
  return ttlSeconds === undefined ? undefined : now + Math.ceil(lifetimeMs);
}

function checkItem(item: NewMemory, session: string): ItemToStore {
  const { text, speaker, at } = item;
  checkText(text);
  if (at !== undefined && (!Number.isFinite(at) || Math.abs(at) > 8.64e15)) {
    throw invalid("`at` is not a time", "give milliseconds since 1970, or leave it out");
  }
  return {
    text,
    session: checkName("session", item.session ?? session),
    metadata: checkMetadata(item.metadata ?? {}),
    ...(speaker === undefined ? {} : { speaker: checkName("speaker", speaker) }),
    ...(at === undefined ? {} : { at: Math.round(at) }),
  };
}

function checkText(text: string): void {
  if (text.trim() === "") throw invalid("an empty text cannot be remembered", "give a text with words");
  if (text.length > LIMITS.text) {
    throw invalid(`a text of ${text.length} characters is too long`, `split it: at most ${LIMITS.text} characters`);
  }
  if (!text.isWellFormed()) throw invalid("the text holds half a character", "send it as valid Unicode");
}

function checkName(what: "speaker" | "session", text: string): string {
  const name = text.normalize("NFC").trim();
  if (name === "" || !name.isWellFormed() || Buffer.byteLength(name) > LIMITS.nameBytes) {
    throw invalid(`this is not a usable ${what}`, `give 1 to ${LIMITS.nameBytes} bytes of text, or leave it out`);
  }
  return name;
}

/** The memories asked for, all of them public. Errors: `MEMORY_NOT_FOUND`, `MEMORY_PRIVATE`. */
export function allPublic(found: { readonly items: readonly Memory[]; readonly missing: readonly string[] }) {
  const [missing] = found.missing;
  if (missing !== undefined) {
    throw new EngramError("MEMORY_NOT_FOUND", `there is no memory ${missing} here`, {
      fix: "Find its id with engram_query.",
    });
  }
  const items = [...new Map(found.items.map((memory) => [memory.id, memory])).values()];
  return items.map((memory) => {
    if (isPublic(memory)) return memory;
    throw new EngramError("MEMORY_PRIVATE", `${memory.id} is private, and a private memory is never published`, {
      fix: "Store what is to be published again with public: true (a person is asked), and name the new id.",
    });
  });
}

function isPublic(memory: Memory): memory is Memory & { readonly visibility: "public" } {
  return memory.visibility === "public";
}

/** The metadata as JSON text. */
function checkMetadata(metadata: Metadata): string {
  checkJson(metadata, 0);
  const json = JSON.stringify(metadata);
  if (Buffer.byteLength(json) > LIMITS.metadataBytes) {
    throw invalid(`the metadata is larger than ${LIMITS.metadataBytes} bytes of JSON`, "keep in it what you filter by");
  }
  return json;
}

function checkJson(value: JsonValue, depth: number): void {
  if (depth > LIMITS.metadataDepth) {
    throw invalid("the metadata is nested too deeply", `use at most ${LIMITS.metadataDepth} levels`);
  }
  if (typeof value === "string" && !value.isWellFormed()) {
    throw invalid("the metadata holds half a character", "send it as valid Unicode");
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw invalid("the metadata holds a number that JSON does not know", "send a finite number, or a text");
  }
  if (typeof value === "object" && value !== null) {
    for (const key of Object.keys(value)) checkJson(key, depth);
    for (const inner of Object.values(value) as JsonValue[]) checkJson(inner, depth + 1);
  }
}

/** An input that can be set right by the caller. */
export function invalid(message: string, fix: string): EngramError {
  return new EngramError("INPUT_INVALID", message, { fix });
}
