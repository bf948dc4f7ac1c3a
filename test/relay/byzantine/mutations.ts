import { toHex } from "../../../src/crypto/hex.ts";
import type { Mutation } from "./world.ts";

/** Each breaks one rule; the very same count must then find what the rule prevents. */
export const mutations: Readonly<Record<string, Mutation>> = {
  "a journal that signs whatever it is asked": {
    journal: (_, signer) => ({
      noteProposal: async () => "first",
      sign: async (_entry, message) => ({ kind: "signed", signature: `0x${toHex(signer.sign(message))}` }),
    }),
  },
  "a signature that leaves before its entry is on disk": {
    lost: ({ database }) => database.exec("DELETE FROM sign_journal; DELETE FROM proposal"),
    kills: 40,
  },
  "one vote fewer is enough": { enough: ({ have, need }) => have >= Math.max(2, need - 1) },
  "every hotkey of an owner votes": {
    from: 60,
    neurons: () => (at, block) => at(block).map((neuron) => ({ ...neuron, coldkey: neuron.hotkey })),
  },
  "a round may be signed under two sets of voters": {
    from: 70,
    neurons: () => {
      let last = 0;
      return (at, block) => {
        const isFirst = block % 50 === 0;
        if (!isFirst) last = block;
        return at(isFirst && last > block && last < block + 50 ? last : block);
      };
    },
  },
};
