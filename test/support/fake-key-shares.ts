import type { KeyShares, RecoverInput, SplitInput } from "../../src/node/client/key-shares/key-shares.ts";

/** Remembers what was asked of it. */
export class FakeKeyShares implements KeyShares {
  readonly asked: (SplitInput | RecoverInput)[] = [];
  readonly #facts = { wireName: "n00", fingerprint: "aa-bb", epoch: 1, threshold: 2, total: 2 };

  async split(input: SplitInput) {
    this.asked.push(input);
    const holders = [
      { hotkey: "5A", stored: true },
      { hotkey: "5B", stored: false, problem: "no answer" },
    ];
    return { namespace: "main", ...this.#facts, stored: 1, complete: false, independent: true, holders };
  }

  async recover(input: RecoverInput) {
    this.asked.push(input);
    const holders = [{ hotkey: "5A", answer: "share" as const }];
    return { ...this.#facts, valid: 2, key: "saved" as const, file: "/home/someone/key.json", holders };
  }

  async refresh(input: SplitInput) {
    return this.split(input);
  }

  async revoke() {
    return { namespace: "main", wireName: "n00", epoch: 2, complete: true, holders: [{ hotkey: "5A", revoked: true }] };
  }

  async show() {
    return { namespace: "main", wireName: "n00", split: null, holders: [] };
  }

  async read() {
    return [];
  }

  async status() {
    return [];
  }
}
