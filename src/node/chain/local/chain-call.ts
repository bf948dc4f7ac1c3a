import { z } from "zod";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";

/** Most neurons, as many as a subnet of the real chain may be configured to have. */
export const MAX_NEURONS = 4_096;

const hotkey = z.string().refine((text): text is Hotkey => isHotkey(text), "must be an SS58 address");

/** What a hotkey asks of the chain; included in a block, and kept so that a reorganisation can include it again. */
export const signedCall = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("register"), hotkey, coldkey: hotkey }),
  z.strictObject({ kind: z.literal("serveAxon"), hotkey, endpoint: z.string().max(256) }),
  z.strictObject({
    kind: z.literal("setWeights"),
    hotkey,
    weights: z.array(z.tuple([z.int().min(0), z.number()])).max(MAX_NEURONS),
  }),
  // Longer than any commitment may be: how long is for the chain to say.
  z.strictObject({ kind: z.literal("setCommitment"), hotkey, bytes: z.hex().max(2_048) }),
]);

/** Gives a hotkey stake: on the real chain a matter of coldkeys and balances, here of whoever runs the chain. */
export const stakeCall = z.strictObject({
  kind: z.literal("stake"),
  hotkey,
  tao: z.number().min(0).max(21_000_000),
});

export type SignedCall = Readonly<z.infer<typeof signedCall>>;
export type ChainCall = SignedCall | Readonly<z.infer<typeof stakeCall>>;
