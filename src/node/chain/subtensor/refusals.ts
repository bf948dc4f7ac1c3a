import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import { RpcRefusal } from "./json-rpc-socket.ts";

type Meaning = readonly [code: string, message: string, fix: string];

const RATE: Meaning = [
  "CHAIN_RATE_LIMIT",
  "the chain takes this only once in a while",
  "wait some blocks and try again",
];
const WEIGHTS_FIX = "read the metagraph and the hyperparameters again, and build the row from them";
const STAKE_FIX = "add stake to this hotkey until it has what the network asks of those who set weights";
const AXON_FIX = "give the public IP address and port under which other machines reach this node";
const REGISTER_FIX = "register the hotkey with the coldkey that pays, as engram register says";
const LATER = "try again later";

/** What the chain's own names mean to whoever runs this node; all others are shown as they are. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  SettingWeightsTooFast: RATE,
  CommittingWeightsTooFast: RATE,
  ServingRateLimitExceeded: RATE,
  NetworkTxRateLimitExceeded: RATE,
  SpaceLimitExceeded: ["CHAIN_RATE_LIMIT", "this hotkey has committed to all it may for now", "wait an epoch"],
  TooManyUnrevealedCommits: [
    "CHAIN_RATE_LIMIT",
    "too many commits of this hotkey wait to be revealed",
    "wait an epoch",
  ],
  NeuronNoValidatorPermit: ["CHAIN_NO_PERMIT", "this hotkey has no validator permit", STAKE_FIX],
  NotEnoughStakeToSetWeights: ["CHAIN_STAKE_LOW", "this hotkey has too little stake to set weights", STAKE_FIX],
  HotKeyNotRegisteredInSubNet: ["CHAIN_NOT_REGISTERED", "this hotkey is not registered on the subnet", REGISTER_FIX],
  HotKeyNotRegisteredInNetwork: ["CHAIN_NOT_REGISTERED", "this hotkey is not registered on the subnet", REGISTER_FIX],
  HotKeyAccountNotExists: ["CHAIN_NOT_REGISTERED", "this hotkey is not known to the chain", REGISTER_FIX],
  AccountNotAllowedCommit: ["CHAIN_NOT_REGISTERED", "only registered hotkeys may commit", REGISTER_FIX],
  NonAssociatedColdKey: ["CHAIN_COLDKEY", "this hotkey belongs to another coldkey", "use the coldkey it was made with"],
  UidVecContainInvalidOne: ["CHAIN_WEIGHTS_INVALID", "the row of weights names an unregistered uid", WEIGHTS_FIX],
  DuplicateUids: ["CHAIN_WEIGHTS_INVALID", "the row of weights names a uid twice", WEIGHTS_FIX],
  WeightVecNotEqualSize: ["CHAIN_WEIGHTS_INVALID", "the row of weights is malformed", WEIGHTS_FIX],
  WeightVecLengthIsLow: ["CHAIN_WEIGHTS_INVALID", "the row of weights names too few uids", WEIGHTS_FIX],
  UidsLengthExceedUidsInSubNet: ["CHAIN_WEIGHTS_INVALID", "the row of weights names too many uids", WEIGHTS_FIX],
  MaxWeightExceeded: ["CHAIN_WEIGHTS_INVALID", "the row of weights gives one uid too much", WEIGHTS_FIX],
  IncorrectWeightVersionKey: [
    "CHAIN_VERSION_KEY",
    "the subnet takes weights of a newer version alone",
    "update Engram, then try again",
  ],
  InvalidIpAddress: ["CHAIN_ENDPOINT", "the chain publishes no axon at this IP address", AXON_FIX],
  InvalidIpType: ["CHAIN_ENDPOINT", "the chain publishes no axon at this kind of address", AXON_FIX],
  InvalidPort: ["CHAIN_ENDPOINT", "the chain publishes no axon at this port", AXON_FIX],
  NotEnoughBalanceToStake: ["CHAIN_BALANCE", "the coldkey has too little TAO for this", "send TAO to the coldkey"],
  BalanceTooLow: ["CHAIN_BALANCE", "the signing key cannot pay for this", "send TAO to the key that signs"],
  SubNetRegistrationDisabled: ["CHAIN_REGISTRATION_CLOSED", "the subnet registers nobody at present", LATER],
  TooManyRegistrationsThisBlock: ["CHAIN_REGISTRATION_CLOSED", "this block is full of registrations", LATER],
  TooManyRegistrationsThisInterval: ["CHAIN_REGISTRATION_CLOSED", "enough were registered for now", LATER],
  NoNeuronIdAvailable: ["CHAIN_FULL", "the subnet has no place for another neuron", LATER],
  RegistrationPriceLimitExceeded: ["CHAIN_PRICE", "a registration costs more than was allowed", "allow more, or wait"],
  SubnetNotExists: ["CHAIN_NO_SUBNET", "the chain has no subnet of that number", "check NETUID and ENGRAM_CHAIN"],
  SubNetworkDoesNotExist: [
    "CHAIN_NO_SUBNET",
    "the chain has no subnet of that number",
    "check NETUID and ENGRAM_CHAIN",
  ],
  MechanismDoesNotExist: ["CHAIN_NO_SUBNET", "the chain has no subnet of that number", "check NETUID and ENGRAM_CHAIN"],
};

/** What the transaction pool's own numbers stand for ("Custom error: N"), by the chain's name for the same. */
const CUSTOM: Readonly<Record<number, string>> = {
  1: "NotEnoughStakeToSetWeights",
  2: "BalanceTooLow",
  3: "SubnetNotExists",
  6: "RateLimitExceeded",
  10: "HotKeyNotRegisteredInNetwork",
  11: "InvalidIpAddress",
  12: "ServingRateLimitExceeded",
  13: "InvalidPort",
  15: "InvalidRevealRound",
  16: "CommitNotFound",
  17: "CommitBlockNotInRevealRange",
  18: "InputLengthsUnequal",
  19: "HotKeyNotRegisteredInSubNet",
};

/** Why a transaction was refused, by the chain's own name for it. */
export class ChainRefusal extends EngramError {
  readonly reason: string;

  constructor(reason: string, cause?: unknown) {
    const named = reason === "RateLimitExceeded" ? RATE : MEANINGS[reason];
    const [code, message, fix] = named ?? [
      "CHAIN_REFUSED",
      `the chain refused this: ${reason}`,
      "look the name up in the documentation of Subtensor",
    ];
    super(code, message, { fix, ...(cause === undefined ? {} : { cause }) });
    this.reason = reason;
  }
}

/** Whether the chain refused for that reason. */
export function isRefusal(error: unknown, ...reasons: readonly string[]): boolean {
  return isEngramError(error) && error instanceof ChainRefusal && reasons.includes(error.reason);
}

/** The pool's answers by number, where they are no matter of the transaction's validity. */
const POOL: Readonly<Record<number, string>> = {
  1012: "TemporarilyBanned",
  1013: "AlreadyImported",
  1014: "PriorityTooLow",
  1015: "CycleDetected",
  1016: "PoolFull",
};

/** What is said in words alone. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/outdated|stale/i, "NonceTaken"],
  [/future/i, "NonceAhead"],
  [/ancient ?birth ?block|bad ?signature|bad ?proof/i, "SignatureOutdated"],
  [/pay some fees|balance too low|payment/i, "BalanceTooLow"],
  [/exhaust/i, "BlockFull"],
];

/** The name of what the transaction pool said; other errors stay what they are. */
export function poolRefusal(error: unknown): unknown {
  if (!(error instanceof RpcRefusal)) return error;
  const reason = invalidityIn(error.detail) ?? POOL[error.rpcCode] ?? `PoolError${error.rpcCode}`;
  return new ChainRefusal(reason, error);
}

/** The name of what makes a transaction invalid, in the words or the JSON of a node. */
export function invalidityIn(text: string): string | undefined {
  const custom = /custom(?: error: |":\s*"?)(\d{1,3})/i.exec(text)?.[1];
  if (custom !== undefined) return CUSTOM[Number(custom)] ?? `CustomError${custom}`;
  return WORDS.find(([pattern]) => pattern.test(text))?.[1];
}
