import { createHash } from "node:crypto";
import { EngramError } from "../crypto/errors.ts";
import { isLoopback } from "../node/chain/loopback.ts";
import type { MemoryClient } from "../node/client/memory.ts";
import { staysOnThisMachine } from "../node/commands/consent.ts";

/**
 * Acts that need a person: showing plaintext outside this machine, forgetting more than 20 memories, moving keys,
 * relaying, which publishes and spends money, publishing words of private memories, and archiving for ever, which
 * spends money.
 */
type Act = "public" | "delete" | "keys" | "relay" | "repeat" | "archive";
type Rule = "allow" | "ask" | "deny";
/** Standing rules from the configuration; what names none is asked. */
export type ConsentRules = { readonly [act in Act]?: Rule };

const acts: readonly Act[] = ["public", "delete", "keys", "relay", "repeat", "archive"];
const rules: readonly Rule[] = ["allow", "ask", "deny"];

/** What `ENGRAM_CONSENT` may say. */
const consentRulesText = acts.map((act) => `${act}=${rules.join("|")}`).join(",");

interface ConsentRequest {
  readonly act: Act;
  /** When one question stands for two acts: the stricter rule counts. */
  readonly and?: Act | undefined;
  readonly tool: string;
  /** Exactly what the tool will do; a consent holds for these arguments alone. */
  readonly args: unknown;
  /** One sentence a person decides by. */
  readonly summary: string;
  /** Addresses that the act reaches beyond chain and miners. */
  readonly reaches?: readonly string[];
}

export interface ConsentGate {
  /** Returns when a person or a standing rule allows the act, and throws otherwise. */
  require(request: ConsentRequest): Promise<void>;
}

/** Thrown to the adapter: the client can ask its person, who then answers by a repeated call. */
export class ConsentQuestion extends Error {
  readonly argumentsHash: string;
  readonly summary: string;

  constructor(argumentsHash: string, summary: string) {
    super("a person is asked");
    this.argumentsHash = argumentsHash;
    this.summary = summary;
  }
}

/** A person's answer to an earlier question, as the client brought it back under our seal. */
export interface ConsentAnswer {
  readonly argumentsHash: string;
  readonly allowed: boolean;
}

export interface ConsentDeps {
  readonly rules: ConsentRules;
  readonly client: () => Promise<MemoryClient>;
  /** Whether the connected client can show a form to its person. */
  readonly canAsk: boolean;
  readonly answer?: ConsentAnswer;
}

/** Parses `public=allow,delete=ask`; throws `EngramError` naming what may stand there. */
export function parseConsentRules(text: string): ConsentRules {
  const pairs = text
    .split(",")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "");
  return Object.fromEntries(
    pairs.map((pair) => {
      const [actName, ruleName, ...more] = pair.split("=").map((word) => word.trim());
      const act = acts.find((name) => name === actName);
      const rule = rules.find((name) => name === ruleName);
      if (act && rule && more.length === 0) return [act, rule];
      throw new EngramError("CONSENT_RULE_INVALID", `"${pair.slice(0, 40)}" is not a consent rule`, {
        fix: `Write ENGRAM_CONSENT as ${consentRulesText}.`,
      });
    }),
  );
}

/** The SHA-256 of tool and arguments, with keys sorted: a consent is bound to it. */
export function hashArguments(tool: string, args: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify([tool, sortKeys(args)]))
    .digest("hex");
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, child]) => child !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, sortKeys(child)]),
  );
}

/** The gate of one tool call: standing rule, then a person's answer or approval, then a question or a code. */
export function createConsentGate(deps: ConsentDeps): ConsentGate {
  return {
    async require({ act, and, tool, args, summary, reaches = [] }) {
      const wanted = [await ruleFor(act, reaches, deps), ...(and ? [await ruleFor(and, reaches, deps)] : [])];
      const rule = (["deny", "ask"] as const).find((strict) => wanted.includes(strict)) ?? "allow";
      if (rule === "allow") return;
      if (rule === "deny") {
        throw new EngramError("CONSENT_DENIED", `This server's configuration does not allow the act "${act}"`, {
          fix: "Tell the person; the rule stands in ENGRAM_CONSENT.",
        });
      }
      const argumentsHash = hashArguments(tool, args);
      if (deps.answer?.argumentsHash === argumentsHash) {
        if (deps.answer.allowed) return;
        throw new EngramError("CONSENT_DECLINED", "The person declined", { fix: "Do not repeat this call unasked." });
      }
      await requirePerson(deps, argumentsHash, summary);
    },
  };
}

async function requirePerson(deps: ConsentDeps, argumentsHash: string, summary: string): Promise<void> {
  const { approvals } = await deps.client();
  if (await approvals.consume(argumentsHash)) return;
  if (deps.canAsk) throw new ConsentQuestion(argumentsHash, summary);
  const { code } = await approvals.request(argumentsHash, summary);
  throw new EngramError("CONSENT_REQUIRED", "A person must allow this first", {
    fix: `Ask the person to run \`engram approve ${code}\` within 5 minutes, then repeat exactly this call.`,
  });
}

async function ruleFor(act: Act, reaches: readonly string[], deps: ConsentDeps): Promise<Rule> {
  const standing = deps.rules[act];
  if (standing) return standing;
  if (!reaches.every((url) => isLoopback(URL.parse(url)?.hostname ?? ""))) return "ask";
  // On the simulated chain with loopback miners nothing leaves this machine.
  // Words of private memories go out by a person's decision alone.
  if (act === "repeat") return "ask";
  if (act !== "delete" && (await staysOnThisMachine(await deps.client()))) return "allow";
  return "ask";
}
