import { z } from "zod";
import conversationFile from "./conversation.json" with { type: "json" };

const schema = z.object({
  conversations: z
    .array(
      z.object({
        speakers: z.array(z.string()),
        turns: z.array(
          z.object({ id: z.string(), session: z.number(), date: z.string(), speaker: z.string(), text: z.string() }),
        ),
        questions: z.array(z.object({ question: z.string(), evidence: z.array(z.string()).min(1) })),
      }),
    )
    .min(1),
  forget: z.array(z.object({ turn: z.string(), question: z.string() })).min(1),
});

type File = z.infer<typeof schema>;
export type Turn = File["conversations"][number]["turns"][number];
export type Question = File["conversations"][number]["questions"][number];

/** What the demo's agent lives through: turns to remember, questions to answer, turns to forget. */
export interface DemoConversation {
  readonly speakers: readonly string[];
  readonly turns: readonly Turn[];
  readonly questions: readonly Question[];
  readonly forget: File["forget"];
}

export function loadDemoConversation(): DemoConversation {
  const { conversations, forget } = schema.parse(conversationFile);
  const [conversation] = conversations;
  if (conversation === undefined) throw new Error("conversation.json holds no conversation");
  return { ...conversation, forget };
}
