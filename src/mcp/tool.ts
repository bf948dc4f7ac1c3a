import type { z } from "zod";
import type { MemoryClient } from "../node/client/memory.ts";
import { parseArguments } from "./arguments.ts";
import type { ConsentGate } from "./consent.ts";
import { inputJsonSchema, type JsonSchema, outputJsonSchema } from "./portable-schema.ts";
import type { CallerRelay } from "./relaying.ts";

/** The four hints; hosts read the worst case into an absent one, so every tool states all. */
interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** What a tool may use beside its arguments. */
export interface ToolContext {
  /** Opens the caller's memories on first use: nothing heavy loads before a call needs it. */
  readonly client: () => Promise<MemoryClient>;
  /** Opens what the caller relays and reads, as `client` does. */
  readonly relay: CallerRelay;
  /** The session of memories that name none: one per connection. */
  readonly session: string;
  /** The only namespace this server may touch, when it was started with `--namespace`. */
  readonly pinned?: string;
  /** Over stdio alone: the host that started this server may read what its person may; over HTTP others call as well. */
  readonly mayReadFiles: boolean;
  readonly signal: AbortSignal;
  readonly consent: ConsentGate;
  /** Whose payment this call was bought with; absent where it costs nothing. */
  readonly payer?: string;
  /** Whether the caller is nobody but who pays: what is not public is not theirs. */
  readonly anonymous?: boolean;
  /** Moves the money of a paid call; nothing where it costs nothing. Only for tools that charge themselves. */
  readonly charge?: () => Promise<void>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export interface ToolDefinition<Input extends z.ZodType, Output extends z.ZodType> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly annotations: ToolAnnotations;
  /** It calls `charge` itself, once everything that can be refused was checked. */
  readonly chargesItself?: true;
  /** What is refused to this caller before anything is done or paid. */
  readonly refuse?: (args: z.output<Input>, context: ToolContext) => void;
  readonly handler: (args: z.output<Input>, context: ToolContext) => Promise<z.output<Output>>;
}

/** A tool as data: no word of it depends on an SDK, and its schemas are converted once per process. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly annotations: ToolAnnotations;
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema;
  readonly output: z.ZodType;
  readonly chargesItself: boolean;
  /** Throws what `run` would of arguments it cannot use, and does nothing. */
  readonly check: (raw: unknown, context: ToolContext) => void;
  /** Parses `raw` strictly and runs the handler; throws `EngramError` on arguments it cannot use. */
  readonly run: (raw: unknown, context: ToolContext) => Promise<Readonly<Record<string, unknown>>>;
}

/** Makes a tool from its typed definition. */
export function defineTool<Input extends z.ZodType, Output extends z.ZodType<Readonly<Record<string, unknown>>>>(
  definition: ToolDefinition<Input, Output>,
): Tool {
  const { name, title, description, annotations, input, output, refuse, handler } = definition;
  const parse = (raw: unknown, context: ToolContext) => {
    const args = parseArguments(name, input, raw);
    refuse?.(args, context);
    return args;
  };
  return {
    name,
    title,
    description,
    annotations,
    inputSchema: inputJsonSchema(input),
    outputSchema: outputJsonSchema(output),
    output,
    chargesItself: definition.chargesItself === true,
    check: parse,
    run: async (raw, context) => handler(parse(raw, context), context),
  };
}
