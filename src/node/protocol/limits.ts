// What a miner accepts, each with its reason. Spec numbers are the reference's own and must not get smaller.

/** spec 7: the largest request body. */
export const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** spec 8.1: in code points. The reference sets no bound for query texts (M-W20); an embedder's work needs one. */
export const MAX_TEXT_CHARACTERS = 8192;

/** spec 8.1: length of the metadata as PY-DEFAULT text. */
export const MAX_METADATA_BYTES = 4096;

/** spec 8.2. */
export const DEFAULT_TOP_K = 10;
export const MAX_TOP_K = 100;

/** spec 8.7. */
export const DEFAULT_LIST_LIMIT = 50;
export const MAX_LIST_LIMIT = 200;
/** Skipping costs time; whoever reads further pages by `after`. */
export const MAX_LIST_OFFSET = 1_000_000;

/** Names are kept for ever: our own have 41 characters, the reference sets no bound. */
export const MAX_NAMESPACE_CHARACTERS = 128;

/** A CID has 68 characters; longer paths are nobody's record. */
export const MAX_CID_CHARACTERS = 256;

/** spec 9.3: of one address without a verified signature. */
export const DEFAULT_RATE_LIMIT = 100;
export const DEFAULT_RATE_WINDOW_SECONDS = 60;
/**
 * A verified hotkey may send ten times as much: storing a conversation is a burst, and whoever signs can be named.
 * The reference's own limit holds for everybody alike.
 */
export const VERIFIED_RATE_FACTOR = 10;
/** Before a signature is looked at (3 ms of work) its address is counted: several hotkeys may share one. */
export const ADDRESS_RATE_FACTOR = 20;
/** Addresses and hotkeys remembered by the limiter: about 20 MB when all of them are busy. */
export const MAX_RATE_KEYS = 20_000;

/** Signatures remembered until they are too old to be sent again; when full, signed requests wait (M-W10). */
export const MAX_SEEN_SIGNATURES = 200_000;
