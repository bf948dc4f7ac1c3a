import { z } from "zod";
import { type SubnetObject, toPlain } from "../../crypto/subnet-json.ts";
import { MAX_NAMESPACE_CHARACTERS } from "./limits.ts";
import { Refusal } from "./refusal.ts";

/** 255 commitments take 17 kB. */
export const MAX_KEY_SHARE_BODY_BYTES = 64 * 1024;
/** A retrieve answers with at most two epochs. */
export const MAX_KEY_SHARE_REPLY_BYTES = 256 * 1024;

const hex32 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
const namespace = z.string().min(1).max(MAX_NAMESPACE_CHARACTERS);
const epoch = z.int().min(1);
const count = z.int().min(2).max(255);
/** An envelope of spec 10.2 around a share of at most 64 bytes. */
const sealed = z.string().max(400);

const manifestSchema = z
  .object({
    namespace,
    epoch,
    threshold: count,
    total: count,
    key_epoch: z.int().min(0),
    public_key: hex32,
    commitments: z.array(hex32).max(255).readonly(),
  })
  .refine((manifest) => manifest.threshold <= manifest.total, "threshold is above total")
  .refine((manifest) => manifest.commitments.length === manifest.total, "there is not one commitment a share");

const shareSchema = z.object({
  share_index: z.int().min(1).max(255),
  sealed_share: sealed,
  manifest: manifestSchema,
  manifest_signature: z.string().max(200),
});

const depositSchema = shareSchema.extend({
  /** The epoch that is whole at its holders meanwhile; all others but this one are dropped. 0: none. */
  keep_epoch: z.int().min(0),
});
const commitSchema = z.object({ namespace, commit_epoch: epoch });
const retrieveSchema = z.object({ namespace, reply_key: hex32 });
/** What the two routes take, as a document shows it. */
export const keyShareStoreFields = z.union([depositSchema, commitSchema]);
export const keyShareRetrieveFields = retrieveSchema;
const heldSchema = z.object({ shares: z.array(z.unknown()).max(8) });

/** One share as it travels, sealed to whoever receives it: a miner in a deposit, the owner in a retrieve. */
export type SealedShare = z.output<typeof shareSchema>;
/** `POST /KeyShareSynapse`: a share to keep. */
export type ShareDeposit = z.output<typeof depositSchema>;
/** `POST /KeyShareSynapse`: this epoch is whole at its holders, older ones may go. */
export type ShareCommit = z.output<typeof commitSchema>;
/** `POST /KeyShareRetrieve`: shares come back sealed to `reply_key`, an X25519 public key of this request alone. */
export type ShareRetrieve = z.output<typeof retrieveSchema>;

/** Throws `Refusal` 400, naming the field. */
export function readShareStore(body: SubnetObject): ShareDeposit | ShareCommit {
  return body.has("commit_epoch") ? read(commitSchema, body) : read(depositSchema, body);
}

export function readShareRetrieve(body: SubnetObject): ShareRetrieve {
  return read(retrieveSchema, body);
}

/** The shares in a retrieve's reply; what is none is left out. Undefined for a reply of another form. */
export function readHeldShares(reply: SubnetObject): readonly SealedShare[] | undefined {
  const held = heldSchema.safeParse(toPlain(reply));
  if (!held.success) return undefined;
  return held.data.shares.flatMap((share) => {
    const parsed = shareSchema.safeParse(share);
    return parsed.success ? [parsed.data] : [];
  });
}

/** A manifest as it was stored. Throws for any other text. */
export function readManifest(text: string): z.output<typeof manifestSchema> {
  return manifestSchema.parse(JSON.parse(text));
}

function read<T extends z.ZodType>(schema: T, body: SubnetObject): z.output<T> {
  const parsed = schema.safeParse(toPlain(body));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Refusal(400, `${issue?.path.join(".") || "the body"}: ${issue?.message ?? "is malformed"}`);
}
