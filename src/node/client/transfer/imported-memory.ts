import type { NewMemory } from "../memory.ts";

/** What a line of a file asks to be stored. */
export interface ImportedMemory {
  readonly item: NewMemory;
  readonly public: boolean;
  /** The shown name; absent where the file names none. */
  readonly namespace?: string;
  /** Unix milliseconds. */
  readonly expiresAt?: number;
}
