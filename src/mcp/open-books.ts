import { readEnvironment } from "../node/runtime/config.ts";
import { homeEnvironment } from "../node/runtime/saved-subnet.ts";
import { OPEN_STATES } from "../relay/outbox/outbox-types.ts";
import { openRelayBooks, type RelayBooks } from "../relay/relay-books.ts";

/** What was relayed and paid from `folder`, of a server on `home`; undefined while nothing ever was. */
export async function openBooks(
  folder: string,
  home: string,
  environment = readEnvironment(),
): Promise<RelayBooks | undefined> {
  return openRelayBooks(folder, await homeEnvironment(home, environment), Date.now);
}

/** Everything that is on its way or waits for a person. */
const OWED = [...OPEN_STATES, "parked", "abandoned"] as const;

/** Whether a relay has something to do there, or would have after a person replays it. */
export async function isOwing(folder: string, home: string): Promise<boolean> {
  await using books = await openBooks(folder, home);
  if (!books) return false;
  const { states } = await books.status();
  return OWED.some((state) => states[state] > 0);
}
