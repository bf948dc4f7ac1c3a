import { pythonFloat } from "../../../crypto/python-text.ts";
import type { Neuron } from "../../ports.ts";
import { listText, objectText, valueText } from "../../protocol/reply-text.ts";
import type { Route } from "../miner-app.ts";
import { replyToError } from "../reply.ts";

/** GET /metagraph (spec 8.16), of the last block read; empty while the chain does not answer. */
export const metagraphRoute: Route = async (services, _request, { logger }) => {
  try {
    const chain = await services.chainView.snapshot();
    const neurons = [...(chain?.neurons.values() ?? [])].map(neuronText);
    return { status: 200, text: objectText({ neurons: listText(neurons), block: String(chain?.block ?? null) }) };
  } catch (error) {
    return replyToError(error, logger);
  }
};

function neuronText({ uid, hotkey, endpoint, incentive }: Neuron): string {
  const url = endpoint !== null && URL.canParse(endpoint) ? new URL(endpoint) : null;
  const port = url && (url.port || (url.protocol === "https:" ? "443" : "80"));
  return objectText({
    uid: String(uid),
    hotkey: valueText(hotkey),
    ip: valueText(url === null ? null : url.hostname.replace(/^\[(.*)\]$/, "$1")),
    port: String(port),
    incentive: pythonFloat(Number(incentive.toFixed(6))),
  });
}
