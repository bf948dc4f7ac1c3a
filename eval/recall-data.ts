import { readFileSync } from "node:fs";
import { z } from "zod";

const schema = z.object({
  conversations: z
    .array(
      z.object({
        conversation: z.union([z.number(), z.string()]).transform(String),
        turns: z.array(
          z.object({ id: z.string(), session: z.number(), date: z.string(), speaker: z.string(), text: z.string() }),
        ),
        questions: z.array(
          z.object({ question: z.string(), evidence: z.array(z.string()), category: z.number().default(0) }),
        ),
      }),
    )
    .min(1),
});

export type Conversation = z.infer<typeof schema>["conversations"][number];
export type Turn = Conversation["turns"][number];
export type Question = Conversation["questions"][number];

/** Reads conversations with questions whose evidence is known by turn. Throws when the file is not of this form. */
export function readConversations(file: string): readonly Conversation[] {
  const parsed = schema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!parsed.success) throw new Error(`${file} is not a recall file: ${z.prettifyError(parsed.error)}`);
  return parsed.data.conversations;
}
