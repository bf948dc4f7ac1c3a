import type { ArchiveTag } from "../../ports.ts";
import type { Metadata } from "../memory.ts";
import type { ArchivePlan } from "./archives.ts";
import { isUrl } from "./read-source.ts";

/** Names and values of tags are cut to this (spec 11). */
const TAG_CHARACTERS = 128;

/**
 * What everybody reads beside the bytes, in the reference's order (spec 11). `contentCid` is that of the bytes as they
 * are archived, so that it says nothing of a private file; its name is never told (M-W27).
 */
export function archiveTags({ input, mime }: ArchivePlan, contentCid: string): readonly ArchiveTag[] {
  const isPublic = input.public === true;
  const tags: ArchiveTag[] = [
    { name: "Content-Type", value: isPublic ? mime : "application/octet-stream" },
    { name: "App-Name", value: "Engram" },
    { name: "App-Version", value: "1.0" },
    { name: "Content-Hash", value: contentCid },
    { name: "Encrypted", value: String(!isPublic) },
    ...(isPublic && isUrl(input.source) ? [{ name: "Source-URL", value: input.source }] : []),
    { name: "Content-Source", value: "engram-sdk" },
  ];
  return tags.map(({ name, value }) => ({ name, value: value.slice(0, TAG_CHARACTERS).toWellFormed() }));
}

/** Longer ones would leave no room for the text. */
const SOURCE_BYTES = 500;

/** The memory's metadata, under the reference's names (spec 11). */
export function archiveMetadata(
  plan: ArchivePlan,
  contentCid: string,
  place?: { readonly transactionId: string; readonly url: string },
): Metadata {
  const { input, type, title, pages, mime } = plan;
  const source = isUrl(input.source) && Buffer.byteLength(input.source) <= SOURCE_BYTES ? input.source : undefined;
  return {
    ...input.metadata,
    type,
    mime,
    content_cid: contentCid,
    ...(source === undefined ? {} : { source }),
    ...(title === undefined ? {} : { title }),
    ...(pages === undefined ? {} : { pages: String(pages) }),
    ...(place ? { arweave_tx_id: place.transactionId, arweave_url: place.url } : {}),
  };
}
