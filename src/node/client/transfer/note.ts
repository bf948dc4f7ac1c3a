import { parse, stringify, YAMLParseError } from "yaml";
import { z } from "zod";
import type { Metadata } from "../memory.ts";
import type { ImportedMemory } from "./imported-memory.ts";

const FRONT_MATTER = /^---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/;
/** `- [category] what was observed #tag (context)` */
const OBSERVATION = /^\s*[-*] \[([^\][()\n]{1,64})\] +(.+?)\s*$/;
/** `- relation_type [[Other note]] (context)` */
const RELATION = /^\s*[-*] ([\w][\w -]{0,63}?) \[\[([^\]\n]+)\]\](.*?)\s*$/;
/** A task list is no observation. */
const TASK = /^[ xX-]$/;

/** A day or a time; without a zone as the clocks here show it. */
const written = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d/)
  .transform((text, context) => {
    const value = Date.parse(text.length > 10 ? text : `${text}T00:00`);
    if (Number.isNaN(value)) context.addIssue("must be a time");
    return value;
  });

const frontMatter = z.looseObject({
  title: z.coerce.string().nullish(),
  type: z.coerce.string().nullish(),
  permalink: z.coerce.string().nullish(),
  /** Of another form: the file's time stands for it. */
  created: written.optional().catch(undefined),
  tags: z.union([z.array(z.coerce.string()), z.string().transform((text) => text.split(","))]).nullish(),
});

/**
 * The memories of a note as basic-memory writes it: one for each observation and each relation, and one for what else
 * the note says. Texts name the note, so that each can be recalled alone. `at` is for notes that do not say when they were
 * made. Throws zod's error, or `YAMLParseError`.
 */
export function parseNote(source: string, name: string, at: number): readonly ImportedMemory[] {
  const text = source.replace(/^\uFEFF/, "");
  const [whole = "", yaml = ""] = FRONT_MATTER.exec(text) ?? [];
  const about = frontMatter.parse(yaml === "" ? {} : ((parse(yaml, { maxAliasCount: 0 }) as unknown) ?? {}));
  const { title: called, type, permalink, created, tags: tagged, ...others } = about;
  const title = called?.trim() || name;
  const tags = (tagged ?? []).map((tag) => tag.trim()).filter((tag) => tag !== "");
  const shared: Metadata = {
    note: title,
    ...(permalink && { permalink }),
    ...(type && { noteType: type }),
    ...(tags.length > 0 && { tags }),
  };
  const memory = (words: string, metadata: Metadata): ImportedMemory => ({
    item: {
      text: words,
      session: [...title].slice(0, 64).join(""),
      at: created ?? at,
      metadata: { ...shared, ...metadata },
    },
    public: false,
  });
  const memories: ImportedMemory[] = [];
  const prose: string[] = [];
  for (const line of text.slice(whole.length).split(/\r?\n/)) {
    const [, category = "", observed = ""] = OBSERVATION.exec(line) ?? [];
    const [, relation = "", to = "", more = ""] = RELATION.exec(line) ?? [];
    if (observed !== "" && !TASK.test(category)) memories.push(memory(`${title}: ${observed}`, { category }));
    else if (to !== "") {
      const others = more.replaceAll(/\[\[|\]\]/g, "");
      memories.push(memory(`${title} ${relation.replaceAll("_", " ")} ${to}${others}`, { relation, to }));
    } else prose.push(line);
  }
  // As text: metadata has limits that no note knows of.
  const described = Object.keys(others).length > 0 ? `${stringify(others, { lineWidth: 0 })}\n` : "";
  const rest = `${described}${prose.join("\n")}`.trim();
  const says = described !== "" || rest.split("\n").some((line) => line.trim() !== "" && !/^#{1,6} /.test(line));
  return says ? [memory(`${title}\n\n${rest}`, {}), ...memories] : memories;
}

export { YAMLParseError };
