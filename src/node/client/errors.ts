import { EngramError } from "../../crypto/errors.ts";

/** Of a namespace that another wallet shares: its owner alone writes, forgets and gives keys of it. */
export function readOnly(name: string): EngramError {
  return new EngramError(
    "NAMESPACE_READ_ONLY",
    `namespace ${JSON.stringify(name)} is shared by another wallet: it can be read only`,
    {
      fix: "store into a namespace of your own, or ask its owner; `engram namespaces leave` takes it off this machine",
    },
  );
}
