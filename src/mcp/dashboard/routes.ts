import type { PageContext } from "./context.ts";
import { forgetMemory, verifyMemory } from "./memory-acts.ts";
import type { PageBody } from "./page.ts";
import { intelligencePage } from "./pages/intelligence.ts";
import { memoriesPage } from "./pages/memories.ts";
import { forgetQuestion, memoryPage } from "./pages/memory.ts";
import { networkPage } from "./pages/network.ts";
import { overviewPage } from "./pages/overview.ts";
import { paymentsPage } from "./pages/payments.ts";
import { relayPage } from "./pages/relay.ts";
import { replay, replayQuestion, submissionPage } from "./pages/submission.ts";

type Named = Readonly<Record<string, string>>;

/** What is shown where. */
export const pages: Readonly<Record<string, (named: Named, context: PageContext) => Promise<PageBody>>> = {
  "/": (_, context) => overviewPage(context),
  "/memories": (_, context) => memoriesPage(context),
  "/memories/:id": ({ id = "" }, context) => memoryPage(id, context),
  "/memories/:id/delete": ({ id = "" }, context) => forgetQuestion(id, context),
  "/network": (_, context) => networkPage(context),
  "/relay": (_, context) => relayPage(context),
  "/relay/:of/:job": ({ of = "", job = "" }, context) => submissionPage(of, job, context),
  "/relay/:of/:job/replay": ({ of = "", job = "" }, context) => replayQuestion(of, job, context),
  "/intelligence": (_, context) => intelligencePage(context),
  "/payments": (_, context) => paymentsPage(context),
};

/** What is done where, each returning the page to go on with. */
export const acts: Readonly<Record<string, (named: Named, context: PageContext) => Promise<string>>> = {
  "/memories/:id/delete": ({ id = "" }, context) => forgetMemory(id, context),
  "/memories/:id/verify": ({ id = "" }, context) => verifyMemory(id, context),
  "/relay/:of/:job/replay": ({ of = "", job = "" }, context) => replay(of, job, context),
};
