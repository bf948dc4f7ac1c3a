import { createHash } from "node:crypto";
import { objectFromPlain, type PlainJson } from "./subnet-json.ts";
import { writeCanonical } from "./subnet-json-writer.ts";

/** What makes two stored memories the same one (design: dedupe). */
export interface DedupeContent {
  readonly namespace: string;
  readonly session: string;
  readonly speaker?: string | undefined;
  readonly text: string;
  readonly metadata: { readonly [key: string]: PlainJson };
}

/** SHA-256 over the content as canonical JSON, in which no two contents can run into each other. 32 bytes. */
export function dedupeKey(content: DedupeContent): Uint8Array {
  const { namespace, session, speaker, text, metadata } = content;
  const document = objectFromPlain({ v: 1, namespace, session, speaker: speaker ?? null, text, metadata });
  return new Uint8Array(createHash("sha256").update(writeCanonical(document), "utf8").digest());
}
