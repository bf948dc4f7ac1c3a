import { basename } from "node:path";
import { EngramError } from "../../../crypto/errors.ts";
import type { ArchiveSettings } from "../../archive/archive-settings.ts";
import { type ContentType, contentTypeOf } from "../../archive/content/content-type.ts";
import { LIMITS } from "../limits.ts";
import type { ArchiveInput, ArchivePlan } from "./archives.ts";
import type { Source } from "./read-source.ts";

/** As the reference cuts it (spec 11). */
const TITLE_CHARACTERS = 256;

type Understood = Omit<ArchivePlan, "input" | "cost">;

/** What a source says, as it will be remembered. Errors: `CONTENT_…`, `DESCRIPTION_NEEDED`. */
export async function understand(
  source: Source,
  input: ArchiveInput,
  settings: ArchiveSettings,
  signal?: AbortSignal,
): Promise<Understood> {
  const { bytes, name, url, declared } = source;
  const content = contentTypeOf(bytes, { name, declared });
  const read = await readText(bytes, content, signal);
  // What a file is called on this disk is nobody else's business.
  const fileName = name === undefined || input.public ? undefined : basename(name);
  const title = read.title ?? fileName;
  const seenBy = content.kind === "image" && input.description === undefined ? settings.vision?.baseUrl : undefined;
  if (tidy(read.text) === "" && input.description === undefined && !seenBy) throw descriptionNeeded(content);
  return {
    bytes,
    mime: content.mime,
    type: url !== undefined ? "url" : content.kind === "html" ? "text" : content.kind,
    text: joinText([title, input.description, read.text]),
    ...(seenBy === undefined ? {} : { seenBy }),
    ...(title === undefined ? {} : { title: tidy(title).slice(0, TITLE_CHARACTERS).toWellFormed() }),
    ...(read.pages === undefined ? {} : { pages: read.pages }),
  };
}

interface ReadText {
  readonly text: string;
  readonly title?: string;
  readonly pages?: number;
}

async function readText(bytes: Uint8Array, { kind }: ContentType, signal: AbortSignal | undefined): Promise<ReadText> {
  if (kind === "text") return { text: new TextDecoder().decode(bytes) };
  // Who looks at it does so when a person has agreed; the person's own words are enough.
  if (kind === "image") return { text: "" };
  const { readContent } = await import("../../archive/content/content-reader.ts");
  return await readContent({ kind, bytes }, signal);
}

/** The parts as one text that can be remembered. */
export function joinText(parts: readonly (string | undefined)[]): string {
  const tidied = parts.map((part) => tidy(part ?? "")).filter((part) => part !== "");
  return cut(tidied.join("\n\n"));
}

/** Control characters, runs of blanks and of empty lines say nothing and cost room. */
function tidy(text: string): string {
  return text
    .normalize("NFC")
    .replace(/\r\n?/g, "\n")
    .replace(/[\p{Cc}\p{Cs}]/gu, (character) => (character === "\n" || character === "\t" ? character : ""))
    .replace(/[^\S\n]+/g, " ")
    .replace(/ ?\n ?/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

function cut(text: string): string {
  if (text.length <= LIMITS.text) return text;
  const head = text.slice(0, LIMITS.text);
  return head.isWellFormed() ? head : head.slice(0, -1);
}

function descriptionNeeded({ kind }: ContentType): EngramError {
  const what = kind === "image" ? "an image says nothing that can be searched" : "there is no text in it";
  return new EngramError("DESCRIPTION_NEEDED", what, {
    fix: "say in your own words what it shows (description)",
  });
}
