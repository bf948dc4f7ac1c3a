import { type Finding, guarded } from "../node/commands/doctor/check.ts";
import { type Environment, readEnvironment } from "../node/runtime/config.ts";
import { homeEnvironment } from "../node/runtime/saved-subnet.ts";
import { checkPayment, checkRelay } from "../relay/doctor/book-checks.ts";
import { checkGateway } from "../relay/doctor/gateway-check.ts";
import { checkPorts } from "../relay/doctor/port-check.ts";
import { openRelayBooks } from "../relay/relay-books.ts";

export { dataFiles } from "./data-files.ts";

/** What `engram doctor` says of the rooms above the memories: gateway, relay, payments, and the ports of a local subnet. */
export async function higherFindings(home: string): Promise<readonly Finding[]> {
  let environment: Environment = {};
  const settings = await guarded("gateway", async () => {
    environment = await homeEnvironment(home, readEnvironment());
    return await checkGateway(environment);
  });
  return [settings, ...(await bookFindings(home, environment)), await guarded("ports", () => checkPorts(home))];
}

async function bookFindings(home: string, environment: Environment): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const opened = await guarded("relay", async () => {
    await using books = await openRelayBooks(home, environment, Date.now);
    findings.push(await guarded("payment", () => checkPayment(books, environment)));
    return await checkRelay(books);
  });
  return [opened, ...findings];
}
