import { loadSr25519 } from "../src/crypto/sr25519.ts";
import { createHttpClient } from "../src/node/runtime/http-client.ts";
import { createLogger } from "../src/node/runtime/logger.ts";
import { Relay } from "../src/relay/relay.ts";
import { answered } from "../test/relay/deliveries/outputs.ts";
import { GatewayKit, post } from "../test/relay/gateway/gateway-kit.ts";
import { quantile, type Result, result } from "./report.ts";

const TIMES = 20;
/** Blocks until what was emitted is final on the bench's chain. */
const FINAL_AFTER = 6;

/** From a relay's queue to an open stream, beside the same from a bare POST. */
export async function emitToFeed(): Promise<Result> {
  await using kit = await GatewayKit.open();
  await using gateway = await kit.start({ config: { rateLimit: { burst: 1e9, perSecond: 1e9 } } });
  await using relay = new Relay({
    home: `${kit.folder}/relay`,
    settings: { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000, gateway },
    signer: kit.validator(0),
    chain: kit.chain,
    http: createHttpClient(),
    sr25519: await loadSr25519(),
    log: createLogger({ level: "silent" }),
  });
  const stream = await fetch(`${gateway.url}/v1/external-intelligence/stream?min_assurance=author`);
  if (!stream.body) throw new Error("no stream");
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  const heard = async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the stream ended");
      if (value.includes("event: external_intelligence")) return;
    }
  };
  const times = { emitted: [] as number[], posted: [] as number[] };
  for (let index = 0; index < TIMES; index += 1) {
    const emitted = performance.now();
    await relay.submit(answered(`emitted ${index}`));
    await kit.chain.step(FINAL_AFTER);
    await relay.tick();
    await heard();
    times.emitted.push(performance.now() - emitted);
    const { text } = await kit.inference({}, `posted ${index}`);
    const posted = performance.now();
    await post(gateway, text);
    await heard();
    times.posted.push(performance.now() - posted);
  }
  await reader.cancel();
  const name = "a bare POST to the stream, median";
  return result("gateway: emit to the reader's stream, finality stepped, median", "ms", quantile(times.emitted, 0.5), {
    name,
    value: quantile(times.posted, 0.5),
  });
}
