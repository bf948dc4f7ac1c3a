import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { Auth2Gate } from "../../protocol/auth2-gate.ts";
import type { ConsensusDesk } from "./consensus-desk.ts";
import { answerText, COMMIT_PATH, readCommit, readOpening, VECTOR_PATH } from "./round-messages.ts";

/** Four numbers for each of 4,096 uids have less. */
const MAX_BODY_BYTES = 1_048_576;

/** `POST /consensus/commit` and `POST /consensus/vector`, both over auth2. Refusals are thrown. */
export function consensusRoutes({ desk, gate }: { readonly desk: ConsensusDesk; readonly gate: Auth2Gate }): Hono {
  const app = new Hono();
  const route = (path: string, take: (text: string, sender: Hotkey) => Promise<string | null>) =>
    app.post(path, bodyLimit({ maxSize: MAX_BODY_BYTES }), async ({ req }) => {
      const body = new Uint8Array(await req.arrayBuffer());
      const session = gate.authenticate(req.raw, body);
      const text = answerText(await take(Buffer.from(body).toString("utf8"), session.sender));
      return new Response(text, {
        headers: { ...session.replyHeaders(200, text), "content-type": "application/json" },
      });
    });
  route(COMMIT_PATH, (text, sender) => desk.takeCommit(readCommit(text), sender));
  route(VECTOR_PATH, (text, sender) => desk.takeOpening(readOpening(text), sender));
  return app;
}
