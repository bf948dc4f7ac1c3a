import { z } from "zod";
import { broken, type Finding, ok, warning } from "../../node/commands/doctor/check.ts";
import type { Environment } from "../../node/runtime/config.ts";
import { createHttpClient } from "../../node/runtime/http-client.ts";
import { relaySettings } from "../relay-settings.ts";
import { isGrpc } from "../transport/open-transport.ts";

const NAME = "gateway";
const LIMITS = { deadlineMs: 3_000, maxBytes: 64_000 };

const page = z.looseObject({ hotkey: z.string(), netuid: z.number() });

/** Whether the gateway that is relayed to answers, as the one that is pinned. Throws `CONFIG_INVALID`. */
export async function checkGateway(environment: Environment): Promise<Finding> {
  const { gateway, netuid } = relaySettings(environment);
  if (!gateway) return ok(NAME, "none configured: nothing is relayed");
  const { url, hotkey } = gateway;
  if (isGrpc(url)) return ok(NAME, `${url}, not asked: it speaks gRPC`);
  const silent = (why: string) =>
    warning(NAME, `${url} ${why}`, "Check XERIS_RELAY_URL and that it runs; what is queued is kept, and sent later.");
  const reply = await createHttpClient()
    .get(`${url}/v1/gateway`, LIMITS)
    .catch(() => undefined);
  if (!reply) return silent("does not answer");
  const found = reply.status === 200 ? page.safeParse(asJson(reply.text)) : undefined;
  if (!found?.success) return silent("is no gateway of Engram's");
  if (found.data.netuid !== netuid) {
    const fix = "Set NETUID to the gateway's, or XERIS_RELAY_URL to the gateway of yours.";
    return broken(NAME, `${url} serves subnet ${found.data.netuid}, not ${netuid}`, fix);
  }
  if (found.data.hotkey !== hotkey) {
    const fix = "Clients follow a key that the old one named (GET /v1/successions); any other gateway pins its own.";
    return warning(NAME, `${url} signs as ${found.data.hotkey}, and ${hotkey} is pinned`, fix);
  }
  return ok(NAME, `${url} answers as the pinned hotkey`);
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
