import {
  acceptedContent,
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequests,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type McpServer,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";

/** Seals what a tool wants to be told again with the answer. */
export type Mint = (state: string, context: ServerContext) => Promise<string>;

type Outcome = CallToolResult | InputRequiredResult;

const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] });

const nameQuestion = elicit("What is your name?", { name: { type: "string" } });
const rootsQuestion = inputRequired.listRoots();

function elicit(message: string, properties: Record<string, { type: "string" } | { type: "boolean" }>) {
  return inputRequired.elicit({
    message,
    requestedSchema: { type: "object", properties, required: Object.keys(properties) },
  });
}

function sample(words: string, maxTokens: number) {
  return inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: words } }],
    maxTokens,
  });
}

function capabilitiesOf({ mcpReq: { envelope } }: ServerContext): ClientCapabilities {
  const declared = Object.entries(envelope ?? {}).find(([key]) => key === CLIENT_CAPABILITIES_META_KEY)?.[1];
  return (declared as ClientCapabilities | undefined) ?? {};
}

/** Tools that ask their client by results (2026-07-28). */
export function registerQuestions(server: McpServer, mint: Mint): void {
  const tool = (name: string, run: (context: ServerContext) => Outcome | Promise<Outcome>) =>
    server.registerTool(`test_input_required_result_${name}`, { description: `asks: ${name}` }, (context) =>
      run(context),
    );
  const asked = (inputRequests: InputRequests) => inputRequired({ inputRequests });
  tool("elicitation", ({ mcpReq }) => {
    const named = acceptedContent(mcpReq.inputResponses, "user_name", z.object({ name: z.string() }));
    return named ? text(`Hello, ${named.name}!`) : asked({ user_name: nameQuestion });
  });
  tool("sampling", ({ mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, "capital_question");
    if (answer.kind === "sampling") return text(`The model says: ${JSON.stringify(answer.result.content)}`);
    return asked({ capital_question: sample("What is the capital of France?", 100) });
  });
  tool("list_roots", ({ mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, "client_roots");
    if (answer.kind === "roots") return text(`Roots: ${answer.roots.map(({ uri }) => uri).join(", ")}`);
    return asked({ client_roots: rootsQuestion });
  });
  for (const name of ["request_state", "tampered_state"]) {
    tool(name, async (context) => {
      const confirmed = acceptedContent(context.mcpReq.inputResponses, "confirm");
      if (confirmed && context.mcpReq.requestState<string>() === name) return text("state-ok");
      return inputRequired({
        inputRequests: { confirm: elicit("Please confirm", { ok: { type: "boolean" } }) },
        requestState: await mint(name, context),
      });
    });
  }
  tool("multiple_inputs", async (context) => {
    const { inputResponses } = context.mcpReq;
    const all = ["user_name", "greeting", "client_roots"].every(
      (key) => inputResponse(inputResponses, key).kind !== "missing",
    );
    if (all && context.mcpReq.requestState<string>() === "multiple") return text("All were answered.");
    return inputRequired({
      inputRequests: {
        user_name: nameQuestion,
        greeting: sample("Generate a greeting", 50),
        client_roots: rootsQuestion,
      },
      requestState: await mint("multiple", context),
    });
  });
  tool("multi_round", async (context) => {
    const { inputResponses } = context.mcpReq;
    const state = context.mcpReq.requestState<string>();
    if (state === "round 2" && acceptedContent(inputResponses, "step2")) return text("Both steps were answered.");
    const isSecond = state === "round 1" && acceptedContent(inputResponses, "step1") !== undefined;
    return inputRequired({
      inputRequests: isSecond
        ? { step2: elicit("Step 2: What is your favorite color?", { color: { type: "string" } }) }
        : { step1: elicit("Step 1: What is your name?", { name: { type: "string" } }) },
      requestState: await mint(isSecond ? "round 2" : "round 1", context),
    });
  });
  tool("capabilities", (context) => {
    const declared = capabilitiesOf(context);
    return asked({
      ...(declared.elicitation && { user_name: nameQuestion }),
      ...(declared.sampling && { greeting: sample("Generate a greeting", 50) }),
    });
  });
  server.registerTool(
    "test_streaming_elicitation",
    { description: "tells how far it is, then asks" },
    async ({ mcpReq }) => {
      await mcpReq.log("info", "About to ask");
      return asked({ user_name: nameQuestion });
    },
  );
  // Whether the client declared what it is asked for is the SDK's to check.
  server.registerTool("test_missing_capability", { description: "needs sampling" }, () =>
    asked({ greeting: sample("Generate a greeting", 50) }),
  );
  server.registerPrompt("test_input_required_result_prompt", { description: "asks first" }, ({ mcpReq }) => {
    const told = acceptedContent(mcpReq.inputResponses, "user_context", z.object({ context: z.string() }));
    if (!told) {
      return asked({ user_context: elicit("What context should the prompt use?", { context: { type: "string" } }) });
    }
    return { messages: [{ role: "user", content: { type: "text", text: `In the context of ${told.context}.` } }] };
  });
}
