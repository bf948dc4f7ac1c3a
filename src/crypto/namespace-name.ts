import { EngramError } from "./errors.ts";

const identifier = /^[\p{XIDS}_]\p{XIDC}*$/u;
const unprintable = /[\p{Cc}\p{Cs}\p{Cn}\p{Co}\p{Zl}\p{Zp}]/u;
const MAX_SHOWN_CHARACTERS = 128;

declare const shownBrand: unique symbol;

/** A private namespace's name as people see it: NFC, trimmed, printable. It never leaves the machine in clear. */
export type ShownName = string & { readonly [shownBrand]: true };

/** Whether miners accept `name` on the wire: Python's `str.isidentifier()` (spec 6.1). */
export function isNamespaceName(name: string): boolean {
  return identifier.test(name);
}

/** Whether `name` is kept for the protocol's own use; nobody may own such a namespace (M-W8, M-W33). */
export function isReservedNamespaceName(name: string): boolean {
  return name.startsWith("__");
}

/** Whether `name` has the form of `wireName`, which clients of ours give every private namespace: nobody else makes such. */
export function isDerivedNamespaceName(name: string): boolean {
  return /^n[0-9a-f]{40}$/.test(name);
}

/** The shown name in its one spelling. Throws `NAMESPACE_NAME_INVALID`. */
export function shownName(text: string): ShownName {
  const name = text.normalize("NFC").trim();
  if (name === "" || unprintable.test(name) || [...name].length > MAX_SHOWN_CHARACTERS) {
    throw new EngramError("NAMESPACE_NAME_INVALID", "This is not a usable namespace name.", {
      fix: `Use 1 to ${MAX_SHOWN_CHARACTERS} printable characters.`,
    });
  }
  return name as ShownName;
}
