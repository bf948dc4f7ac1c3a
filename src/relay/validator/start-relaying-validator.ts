import type { Environment } from "../../node/runtime/config.ts";
import { ReleaseStack } from "../../node/runtime/release-stack.ts";
import {
  type RunningValidator,
  type StartValidatorDeps,
  startValidator,
} from "../../node/validator/start-validator.ts";
import type { ValidatorConfig } from "../../node/validator/validator-config.ts";
import type { ValidatorContext, ValidatorExtension } from "../../node/validator/validator-context.ts";
import type { CosignAnswer } from "../cosign/cosigner.ts";
import { cosignRoutes, proposeRoutes } from "../cosign/routes.ts";
import { openRelay } from "../open-relay.ts";
import type { Hex } from "../payment/payment-types.ts";
import type { Relay } from "../relay.ts";
import { metricsPortOf } from "../relay-settings.ts";
import { serveRelayMetrics } from "../serve-relay-metrics.ts";

export interface RelayingValidatorDeps extends Pick<StartValidatorDeps, "chain" | "clock" | "logger"> {
  /** The relay's and the payment's variables; without `XERIS_RELAY_URL` nothing is sent, others are co-signed still. */
  readonly environment: Environment;
  /** True: the relay works only when `relay.tick()` says so. */
  readonly relayByHand?: boolean;
}

export interface RelayingValidator extends RunningValidator {
  readonly relay: Relay;
  /** The address that pays for what is relayed; null where nothing may be spent. */
  readonly payer: Hex | null;
}

/**
 * A validator whose agreed rounds are relayed, and that co-signs those of others. Outbox, sign journal, payer key and
 * ledger lie in the validator's folder. Errors: those of `startValidator` and `openRelay`.
 */
export async function startRelayingValidator(
  folder: string,
  config: ValidatorConfig,
  { environment, relayByHand = false, ...deps }: RelayingValidatorDeps,
): Promise<RelayingValidator> {
  // Released last first: the relay closes after the validator, whose last round may still queue something.
  await using stack = new ReleaseStack();
  const { chain, clock, logger: log } = deps;
  const { peers } = config.options;
  const opening = Promise.withResolvers<Awaited<ReturnType<typeof openRelay>>>();
  const extend = async (validator: ValidatorContext): Promise<ValidatorExtension> => {
    const { identity: signer, gate, ownScores, http, signal, metrics: shown } = validator;
    const opened = stack.use(await openRelay({ folder, environment, signer, chain, clock, log, peers }));
    opening.resolve(opened);
    const context = opened.relay.cosignContext(ownScores);
    const { metrics } = opened.relay;
    shown.join(metrics);
    const onAnswer = ({ body }: CosignAnswer) => metrics.cosigned("error" in body ? body.error : "signed");
    const routes = cosignRoutes({ context, gate, log, clock, onAnswer });
    routes.route(
      "/",
      proposeRoutes({
        context: opened.relay.vouchContext({ http, signal }),
        log,
        onAnswer: ({ body }) => metrics.vouched("error" in body ? body.error : "signed"),
      }),
    );
    return { routes, relay: opened.relay };
  };
  const validator = stack.use(await startValidator(folder, config, { ...deps, extend }));
  const { relay, payer } = await opening.promise;
  const listener = await serveRelayMetrics(relay, metricsPortOf(environment), log);
  if (listener) stack.use(listener);
  if (!relayByHand) relay.start();
  const release = stack.move();
  return {
    ...validator,
    relay,
    payer: payer?.address ?? null,
    [Symbol.asyncDispose]: () => release[Symbol.asyncDispose](),
  };
}
