import { equal } from "node:assert/strict";
import { z } from "zod";
import { isNamespaceName } from "../../src/crypto/namespace-name.ts";
import { responsePad, responseTargetMs } from "../../src/crypto/padding.ts";
import { trustTier as tierOf } from "../../src/crypto/trust-tier.ts";
import { checker } from "./checker.ts";

const nameCase = z.object({ name: z.string(), valid: z.boolean() });

export const namespaceNames = checker((vector) => {
  const { name, valid } = nameCase.parse(vector);
  equal(isNamespaceName(name), valid);
});

const tierCase = z.object({ stake_tao: z.number(), tier: z.string() });

export const trustTier = checker((vector) => {
  const { stake_tao, tier } = tierCase.parse(vector);
  equal(tierOf(stake_tao), tier);
});

const sizeCase = z.object({ unpadded_len: z.int(), padded_len: z.int(), p_len: z.int() });
const latencyCase = z.object({ elapsed_ms: z.number(), target_ms: z.number() });

export const padding = checker(
  (vector, list) => {
    if (list === "latency") {
      const { elapsed_ms, target_ms } = latencyCase.parse(vector);
      return equal(responseTargetMs(elapsed_ms), target_ms);
    }
    const { unpadded_len, padded_len, p_len } = sizeCase.parse(vector);
    equal(responsePad(unpadded_len), p_len);
    equal(unpadded_len + ', "_p": ""'.length + responsePad(unpadded_len), padded_len);
  },
  ["cases", "latency"],
);
