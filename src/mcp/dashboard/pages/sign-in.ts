import { html } from "hono/html";
import { notice, type PageBody } from "../page.ts";

/** Asks for the code that the command printed; an address that holds it fills it in, and only the button uses it up. */
export function signInPage(code: string, failed: boolean): PageBody {
  const content = html`<div class="narrow"><p class="brand"><img src="/assets/icon.svg" alt="" width="36" height="36"> Engram</p>
<h1>Sign in</h1>
${failed ? notice("bad", "That code lets nobody in: each works once.", "The command printed the next one; engram dashboard shows it again.") : ""}
<form class="card stack" method="post" action="/login">
<div class="field"><label for="code">Code</label><input id="code" name="code" type="password" autocomplete="one-time-code" required value="${code.slice(0, 100)}" aria-describedby="code-help"></div>
<p id="code-help" class="muted">It stands in the terminal where engram dashboard or engram up runs. It works once; this browser then stays signed in.</p>
<button type="submit" class="primary">Sign in</button>
</form></div>`;
  return { section: null, title: "Sign in", content, ...(failed ? { status: 403 as const } : {}) };
}
